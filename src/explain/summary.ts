import type { Exchange } from './outcome.ts';

/** The parts of messages that are meant for people. */

/** The message of a response: a JSON field, the text, or the title and visible text of a page. */
export function bodySummary({
  body = '',
  contentType = '',
}: Pick<Exchange, 'body' | 'contentType'>): string | undefined {
  const text = body.trim();
  if (text === '') return undefined;
  if (text.startsWith('<')) return pageSummary(text);
  if (!text.startsWith('{') && !/json/i.test(contentType)) return text;
  const field = /"(?:error_description|message|Message|detail)"\s{0,5}:\s{0,5}"((?:[^"\\]|\\.){1,900})/.exec(text)?.[1];
  return field ? withoutNoise(field.replace(/\\[nrt]/g, ' ').replace(/\\(.)/g, '$1')) : text;
}

/** The title of a page, then its visible text. */
function pageSummary(page: string): string {
  const title = /<title[^>]{0,100}>([^<]{1,200})</i.exec(page)?.[1]?.trim();
  const visible = page
    .replace(/<(script|style|title|head)\b[\s\S]{0,20000}?<\/\1>/gi, ' ')
    .replace(/<[^>]{0,2000}>?/g, ' ')
    .replace(/&nbsp;|\s{1,1000}/g, ' ')
    .trim();
  return [title, visible].filter(Boolean).join(': ').slice(0, 300) || 'a page without text';
}

/** Text that readers do not need: links to more documentation, and ids that `detail` has. */
const NOISE =
  /^EnvironmentCredential authentication failed\.|^ManagedIdentityCredential: Authentication failed\. Message |(?:To troubleshoot,? visit|To mitigate this issue,? .{0,80}? at|See the troubleshooting guide.{0,60}?:) https?:\S{1,200}|Status code: \d{3}$|More details:|\s(?:Trace|Correlation) ID: .{1,300}$/gms;

/** MSAL quotes a response that it does not understand after these words. */
const QUOTED_RESPONSE = /Http status message: (.{1,1000}?)(?: - Correlation ID|$)/s;

/** The message of an error of the SDK. */
export function sdkSummary(message: string): string {
  const response = QUOTED_RESPONSE.exec(message)?.[1];
  return (response && bodySummary({ body: response })) ?? withoutNoise(message);
}

export function withoutNoise(message: string): string {
  return message.replace(NOISE, ' ').trim();
}

/** The colors of a terminal, as they are and as PowerShell writes them into XML. */
const COLORS = new RegExp(`(?:${String.fromCharCode(27)}|_x001B_)\\[[\\d;]{0,20}m|_x000[AD]_`, 'g');

export function withoutColors(text: string): string {
  return text.replace(COLORS, '');
}

/** PowerShell puts an error beside a frame, below the line of the script: `     | the message`. */
function framedByPowerShell(lines: readonly string[]): string | undefined {
  const framed = lines.flatMap((line) => /^\|\s{0,20}(?![\s~])(.{1,1000})/.exec(line)?.[1] ?? []);
  return framed.length > 0 ? framed.join(' ') : undefined;
}

/** The module of `az` that has the commands for logins and tokens. Without it there is no token, whatever comes after. */
export const NEEDED_MODULE = /Error loading command module 'profile'(?:: )?/;

/** `az` continues if it cannot load a module of other commands: only its later messages count. */
export function withoutSkippedModules(text: string): string {
  if (NEEDED_MODULE.test(text)) return text;
  const others = text.replace(/^ERROR: Error loading command module [^\n]{0,500}\n?/gm, '');
  return /^ERROR: /m.test(others) ? others : text;
}

/** The message of a tool: its ERROR line, or the end of a Python traceback, reduced to its last cause. */
export function toolSummary(coloredMessage: string): string {
  const message = withoutColors(coloredMessage);
  const all = message
    .split('\n')
    .map((line) => line.trim())
    .filter(
      (line) =>
        /[\p{L}\d]/u.test(withoutNoise(line)) &&
        !/^(WARNING|To re-authenticate|To check existing|Otherwise, |Traceback|File "|ERROR:$)|traceback:$/.test(line),
    );
  const others = all.filter((line) => NEEDED_MODULE.test(line) || !/Error loading command module/.test(line));
  const lines = others.length > 0 ? others : all;
  const isTraceback = /Traceback \(most recent call last\)/.test(message);
  const line =
    lines.find((each) => NEEDED_MODULE.test(each)) ??
    lines.findLast((each) => isTraceback && /^[\w.]{3,80}(Error|Exception|Exit|Interrupt)\b/.test(each)) ??
    lines.find((each) => each.startsWith('ERROR:')) ??
    framedByPowerShell(lines) ??
    lines.at(-1) ??
    message;
  return lastCause(withoutNoise(line.replace(/^ERROR: /, '').replace(NEEDED_MODULE, '')));
}

/** Python wraps a cause in the names of its classes: `… (Caused by NewConnectionError('<object at 0x…>: the cause'))`. */
function lastCause(line: string): string {
  const at = line.lastIndexOf('Caused by ');
  const cause = at < 0 ? undefined : /(['"])((?:(?!\1).){3,500})\1[)\]},\s]{0,12}$/.exec(line.slice(at))?.[2];
  return cause?.replace(/^<[^>]{1,200}>: /, '').replace(/^Failed to establish a new connection: /, '') ?? line;
}
