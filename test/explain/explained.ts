import { type Explanation, explain } from '../../src/explain/explain.ts';
import type { RecordedCase } from './outcome-files.ts';

/** What a person reads about a case, as reviewed text. */
export function explainedText({ case: title, source, solution, outcome }: RecordedCase): string {
  const explanation = explain(outcome);
  const about = [source, solution && `way out: ${solution}`]
    .filter(Boolean)
    .map((line) => `# ${oneLine(line ?? '')}\n`);
  return `## ${oneLine(title)}\n${about.join('')}${verdict(explanation)}`;
}

function verdict({ failure, warnings, checks }: Explanation): string {
  const found = [...(failure ? [failure] : []), ...warnings];
  const marks = { pass: '+', warn: '!', fail: 'x', skip: '-' };
  const lines = [
    ...checks
      .filter(({ status }) => status !== 'skip')
      .map(
        ({ name, status, summary, reason }) => `  ${marks[status]} ${name}: ${summary}${reason ? ` [${reason}]` : ''}`,
      ),
    ...(found.length === 0 ? ['(all is well)'] : []),
    ...found.flatMap(({ reason, title, problem, hint, commands, documentation }) => [
      `${reason}: ${title}`,
      `  problem: ${problem}`,
      `  hint: ${hint}`,
      ...commands.map((command) => `  $ ${command}`),
      ...(documentation ? [`  see ${documentation}`] : []),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
