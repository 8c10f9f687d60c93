/** Takes a line of bash apart, so that the real parsers of az and kubectl can be asked about each command in it. */

/** Where one command ends and another may begin. */
const SEPARATORS = '|&;(){}\n<>';
/** Words of bash before a command. */
const KEYWORDS = /^(?:\s|!|do\b|then\b|else\b|if\b|while\b|[a-z_]+=(?=\$\())+/;

/** The commands of this line that begin with one of these words, also those in `$(…)` and `<(…)`; these count as one word elsewhere. */
export function simpleCommands(line: string, tools: readonly string[]): string[] {
  const found: string[] = [];
  take(line, 0, found);
  return found
    .map((each) => each.replace(KEYWORDS, '').trim())
    .filter((each) => tools.includes(each.split(/\s/)[0] ?? ''));
}

/** Reads from here to the end of the line, or to the bracket that closes a substitution; returns where that is. */
function take(line: string, start: number, found: string[]): number {
  let command = '';
  const end = () => {
    found.push(command);
    command = '';
  };
  for (let at = start; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (character === "'") {
      const close = line.indexOf("'", at + 1);
      command += line.slice(at, close + 1);
      at = close;
    } else if (line.startsWith('${', at)) {
      const close = line.indexOf('}', at);
      command += line.slice(at, close + 1);
      at = close;
    } else if (line.startsWith('$(', at) || line.startsWith('<(', at)) {
      at = take(line, at + 2, found);
      command += 'found';
    } else if (character === ')') {
      end();
      return at;
    } else if (SEPARATORS.includes(character)) {
      end();
    } else command += character;
  }
  end();
  return line.length;
}
