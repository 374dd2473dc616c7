/**
 * SQL out of migrations that are programs, without running them. Only a way up that is nothing but a row of calls with
 * one literal text each is read; a variable, a condition, a format string or any other call makes it unreadable.
 */

interface Dialect {
  /** The body of the way up. */
  readonly up: RegExp;
  /** One call; exactly one of its groups holds the SQL. */
  readonly call: RegExp;
  readonly comment: RegExp;
  /** What an empty way up may say. */
  readonly nothing?: RegExp;
}

const quoted = String.raw`"([^"\n\\]*)"|'([^'\n\\]*)'`;
const template = '`([^`$\\\\]*)`';
const slashes = /\/\/.*$|\/\*[\s\S]*?\*\//gm;

const dialects: Readonly<Record<string, Dialect>> = {
  alembic: {
    up: /^def upgrade\(\)[^:\n]*:[ \t]*\n([\s\S]*?)(?=^\S|$(?![\s\S]))/dm,
    call: new RegExp(
      String.raw`\bop\.execute\(\s*(?:(?:sa\.)?text\(\s*)?(?:"""([^\\]*?)"""|'''([^\\]*?)'''|${quoted})\s*,?\s*\)?\s*,?\s*\)`,
      'dg',
    ),
    comment: /#.*$|"""[\s\S]*?"""/gm,
    nothing: /^\s*pass\s*$/,
  },
  typeorm: {
    up: /async up\([^)]*\)[^{]*\{([\s\S]*?)\n[ \t]{0,4}\}/d,
    call: new RegExp(String.raw`\bawait\s+queryRunner\.query\(\s*(?:${template}|${quoted})\s*,?\s*\)`, 'dg'),
    comment: slashes,
  },
  knex: {
    up: /(?:exports\.up\s*=|export\s+(?:async\s+)?function\s+up|export\s+const\s+up\b|async function up)[^{]*\{([\s\S]*?)\n\}/d,
    call: new RegExp(
      String.raw`\b(?:await\s+|return\s+)knex(?:\.schema)?\.raw\(\s*(?:${template}|${quoted})\s*,?\s*\)`,
      'dg',
    ),
    comment: slashes,
  },
  rails: {
    up: /^[ \t]*def (?:up|change)[ \t]*\n([\s\S]*?)\n {2}end\b/dm,
    call: /\bexecute\s*\(?\s*(?:<<[~-]?['"]?SQL['"]?(?:\.squish)?\)?[ \t]*\n((?:(?!#\{)[^\\])*?)\n[ \t]*SQL\b|"([^"\n\\#]*)"|'([^'\n\\]*)')[ \t]*\)?/dg,
    comment: /#.*$/gm,
  },
};

/** Characters. The time to read one grows with the square of its length, and a pull request may bring any text. */
const longestProgram = 24_000;

/**
 * The text of the way up with everything but its SQL blanked out, so that line numbers are those of the file.
 * @returns undefined when there is more to it than literal SQL.
 */
export function literalSql(layout: string, text: string): string | undefined {
  if (text.length > longestProgram) return undefined;
  const dialect = dialects[layout];
  const up = dialect?.up.exec(text);
  if (!dialect || !up) return undefined;
  const [start] = up.indices![1]!;
  const body = up[1]!;
  const calls = [...body.matchAll(dialect.call)];
  const rest = body.replace(dialect.call, '').replace(dialect.comment, '');
  if (calls.length === 0) return dialect.nothing?.test(rest) ? '' : undefined;
  if (!/^[\s;]*$/.test(rest)) return undefined;
  const literals = calls.map((call) => call.indices!.slice(1).find((range) => range !== undefined)!);
  return keepOnly(
    text,
    literals.map(([from, to]) => [start + from, start + to]),
  );
}

/** The text with all else blank, and a semicolon behind each part. */
function keepOnly(text: string, parts: ReadonlyArray<readonly [number, number]>): string {
  const blank = (from: number, to: number) => text.slice(from, to).replace(/[^\n]/g, ' ');
  let kept = '';
  let at = 0;
  for (const [from, to] of parts) {
    const part = text.slice(from, to);
    const said = part.trimEnd();
    kept += `${blank(at, from)}${said.endsWith(';') ? said : `${said};`}${part.slice(said.length)}`;
    at = to;
  }
  return kept;
}
