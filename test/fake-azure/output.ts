/** How az shows what it found: `--query` for the few forms that the service prints, and `--output`. */

/** What a tool printed, and how it ended. */
export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Thrown for what the real tool would refuse, too. */
export class ToolError extends Error {
  readonly code: number;

  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

/**
 * Selects with JMESPath, as far as our commands use it: members, `[]`, `[0]` and `[a,b]`. Anything else is refused, so that a
 * new form in a command fails here instead of showing nothing.
 *
 * @see https://jmespath.org/specification.html
 */
export function select(data: unknown, query: string): unknown {
  const tokens = query.match(/\[\]|\[\d+\]|\[[^[\]]+\]|[a-z]\w*|\./gi) ?? [];
  if (tokens.join('') !== query) throw new ToolError(`argument --query: invalid jmespath_type value: '${query}'`, 2);
  return step(
    data,
    tokens.filter((token) => token !== '.'),
  );
}

function step(data: unknown, [token, ...rest]: string[]): unknown {
  if (token === undefined || data === undefined || data === null) return data ?? null;
  if (token === '[]') {
    if (!Array.isArray(data)) return null;
    return data
      .flat()
      .map((each) => step(each, rest))
      .filter((each) => each !== null);
  }
  const index = /^\[(\d+)\]$/.exec(token)?.[1];
  if (index !== undefined) return step(Array.isArray(data) ? data[Number(index)] : null, rest);
  if (token.startsWith('[')) {
    const chosen = token
      .slice(1, -1)
      .split(',')
      .map((each) => select(data, each.trim()));
    return step(chosen, rest);
  }
  return step(Reflect.get(Object(data), token), rest);
}

const isObject = (data: unknown): data is object => typeof data === 'object' && data !== null;
const inCell = (value: unknown) =>
  value === null || value === undefined ? 'None' : isObject(value) ? '' : String(value);

export function format(data: unknown, output: string): string {
  switch (output) {
    case 'none':
      return '';
    case 'json':
    case 'jsonc':
      return `${JSON.stringify(data ?? null, null, 2)}\n`;
    case 'tsv':
      return rowsOf(data)
        .map(
          (row) =>
            `${(Array.isArray(row) ? row : isObject(row) ? Object.values(row) : [row]).map(inCell).join('\t')}\n`,
        )
        .join('');
    case 'table':
      return table(rowsOf(data));
    default:
      throw new ToolError(`argument --output/-o: invalid choice: '${output}'`, 2);
  }
}

function rowsOf(data: unknown): unknown[] {
  return Array.isArray(data) ? data : data === null || data === undefined ? [] : [data];
}

function table(rows: unknown[]): string {
  const [first] = rows;
  if (first === undefined) return '';
  // az hides nested values, ids among the objects' members, and empty columns.
  const head = Array.isArray(first)
    ? first.map((_, index) => `Column${index + 1}`)
    : isObject(first)
      ? Object.entries(first)
          .filter(([key, value]) => !isObject(value) && key !== 'id' && key !== 'type')
          .map(([key]) => key)
      : ['Result'];
  const cells = rows.map((row) =>
    head.map((key, index) => inCell(Array.isArray(row) ? row[index] : isObject(row) ? Reflect.get(row, key) : row)),
  );
  const titles = head.map((key) => `${key.charAt(0).toUpperCase()}${key.slice(1)}`);
  return columns([titles, titles.map((_, index) => '-'.repeat(widthOf([titles, ...cells], index))), ...cells]);
}

function widthOf(rows: string[][], index: number): number {
  return Math.max(...rows.map((row) => row[index]?.length ?? 0));
}

/** Rows in columns as wide as their widest cell, two spaces apart. */
export function columns(rows: string[][]): string {
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widthOf(rows, index)))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
