import {Failure} from '../../kernel/errors.js';

/**
 * Reads a `GITHUB_OUTPUT`, `GITHUB_ENV` or `GITHUB_STATE` file: `name=value` lines and `name<<DELIM` … `DELIM` blocks;
 * whichever of `=` and `<<` comes first decides. Entries before a fault are still handed out, as the runner does.
 * @throws Failure FILE_COMMAND for an empty name, a line that is neither, or a missing end delimiter.
 */
export function* parsePairs(content: string): Generator<[name: string, value: string]> {
  const lines = content.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (line === '') continue;
    const equals = line.indexOf('=');
    const heredoc = line.indexOf('<<');
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      yield [nameOf(line.slice(0, equals), line), line.slice(equals + 1)];
    } else if (heredoc >= 0) {
      const name = nameOf(line.slice(0, heredoc), line);
      const delimiter = line.slice(heredoc + 2);
      if (delimiter === '') throw fault(`Invalid format '${line}'. Name and delimiter must not be empty`);
      const end = lines.indexOf(delimiter, i + 1);
      if (end < 0) throw fault(`Invalid value. Matching delimiter not found '${delimiter}'`);
      yield [name, lines.slice(i + 1, end).join('\n')];
      i = end;
    } else throw fault(`Invalid format '${line}'`);
  }
}

/** Directories of a `GITHUB_PATH` file, in file order. */
export function parsePaths(content: string): string[] {
  return content.split('\n').filter((line) => line !== '');
}

function nameOf(text: string, line: string): string {
  if (text === '') throw fault(`Invalid format '${line}'. Name must not be empty`);
  return text;
}

function fault(message: string): Failure {
  return new Failure('FILE_COMMAND', message, {
    remedy: 'Write the file with the toolkit, or with one name=value per line.',
  });
}
