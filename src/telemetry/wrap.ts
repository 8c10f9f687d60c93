/** Wraps a text at words into lines of at most this many columns, each with its indent. A longer word begins where it stands. */
export function wrap(text: string, columns: number, first = '  ', next = first): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ').filter(Boolean)) {
    const fitsIntoLine = next.length + word.length <= columns;
    if (!isEmpty && fitsIntoLine && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = next;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
