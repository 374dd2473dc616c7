/**
 * Foreign text (answers, logs, names, messages from platforms) made harmless before it is shown. All functions are
 * pure and total: they never throw and their results are bounded.
 */

/** One log line: no line breaks or control characters, not readable as a workflow command, cut to `max` characters. */
export function oneLine(text: string, max = 500): string {
  const flat = stripControls(text.slice(0, max * 4)).replace(/\s+/g, ' ').trim();
  const cut = flat.length > max ? `${flat.slice(0, max - 1)}…` : flat;
  // The runner reads a command from any line that starts with `::` (after white space) or holds `##[`.
  return cut.replace(/^::/, ':\u200b:').replace(/##\[/g, '#\u200b#[');
}

/** A cell of a Markdown table. */
export function cell(text: string, max = 300): string {
  return oneLine(text, max).replace(/[\\`*_{}[\]<>()#+!|~&@]/g, (character) => `\\${character}`).replace(/\\&/g, '&amp;').replace(/\\</g, '&lt;').replace(/\\>/g, '&gt;').replace(/\\@/g, '@\u200b');
}

/** A fenced code block that its content cannot close. */
export function codeBlock(text: string, max = 4_000): string {
  const body = stripControls(text).slice(0, max);
  const fence = '`'.repeat(Math.max(3, ...[...body.matchAll(/`+/g)].map((m) => m[0].length + 1)));
  return `${fence}text\n${body}\n${fence}`;
}

/** Inline code for an id. */
export function code(text: string, max = 120): string {
  return `\`${oneLine(text, max).replace(/`/g, "'")}\``;
}

/** A Markdown table; cells must already be escaped. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return [`| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`, ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

function stripControls(text: string): string {
  // ANSI sequences first, then every control character but tab and line feed, then bidirectional overrides.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  return text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(/\r\n?/g, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '');
}
