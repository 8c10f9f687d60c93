import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { type Logger, pino } from 'pino';
import { redactValue } from '../redaction.ts';
import { toSafeJson, toSafeText } from './safe-json.ts';

/** Container runtimes split longer lines. */
const MAX_LINE_BYTES = 16_384;

/** The length of each string and list in a line that was too long. */
const CUT_LENGTH = 500;
const CUT_ELEMENTS = 10;

/** How much to buffer for a reader that does not keep up. */
const MAX_BUFFERED_BYTES = 2 ** 20;

/**
 * Creates the log: JSON lines, or text for people in a terminal. Every line is parsed again before it is written, so that all its
 * strings are redacted and its length is limited, whatever a library logs.
 */
export function createLog(options: {
  level: string;
  /** Whether people read it in a terminal. */
  isTerminal: boolean;
  write: (line: string) => void;
}): Logger {
  const { isTerminal, write } = options;
  const render = isTerminal ? toText : toLine;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(json: string) {
        const fields: Record<string, unknown> = JSON.parse(json);
        write(render(Object(redactValue(fields))));
      },
    },
  );
}

/**
 * Creates a function that writes lines to a stream and never waits for it. If the disk is full or the reader stalls, lines are
 * lost and the service continues. Node writes to pipes without blocking, and does not wait for them at process.exit.
 */
export function writeTo(stream: Writable): (line: string) => void {
  let dropped = 0;
  // Without a listener the error would end the process.
  stream.on('error', () => {});
  return (line) => {
    if (stream.writableLength > MAX_BUFFERED_BYTES) {
      dropped += 1;
      return;
    }
    if (dropped > 0) {
      const msg = `${dropped} log lines were dropped: stdout was not read in time`;
      stream.write(toLine({ level: 'warn', time: new Date().toISOString(), msg }));
      dropped = 0;
    }
    stream.write(line);
  };
}

type Fields = Record<string, unknown>;

function toLine(fields: Fields): string {
  const line = `${toSafeJson(fields)}\n`;
  if (Buffer.byteLength(line) <= MAX_LINE_BYTES) return line;
  const cut = `${toSafeJson(cutLong(fields))}\n`;
  if (Buffer.byteLength(cut) <= MAX_LINE_BYTES) return cut;
  const { level, time, msg } = fields;
  return `${toSafeJson({ level, time, msg: cutLong(msg), cut: true })}\n`;
}

function cutLong(value: unknown): unknown {
  if (typeof value === 'string') return value.length > CUT_LENGTH ? `${value.slice(0, CUT_LENGTH)} …` : value;
  if (Array.isArray(value)) return value.slice(0, CUT_ELEMENTS).map(cutLong);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, cutLong(member)]));
}

const COLORS = { debug: 'gray', trace: 'gray', info: 'green', warn: 'yellow', error: 'red', fatal: 'red' } as const;

/** Formats a line for a terminal: time, level and message, then each other field on its own line. */
function toText(fields: Fields): string {
  const { level, time, msg, ...others } = Object(JSON.parse(toLine(fields)));
  const color = Object.entries(COLORS).find(([name]) => name === level)?.[1] ?? 'green';
  const head = `${String(time).slice(11, 19)} ${styleText(color, String(level).toUpperCase().padEnd(5))} ${toSafeText(msg)}`;
  const lines = Object.entries(others).map(([key, value]) => {
    return styleText(
      'gray',
      `  ${toSafeText(key)}: ${typeof value === 'string' ? toSafeText(value) : toSafeJson(value)}`,
    );
  });
  return `${[head, ...lines].join('\n')}\n`;
}
