/**
 * Foreign text (answers, logs, names, messages from platforms) made harmless before it is shown. Pure and total: never
 * throws, and the result is bounded.
 */

/** One log line: no line breaks or control characters, not readable as a workflow command, cut to `max` characters. */
export function oneLine(text: string, max = 500): string {
  const flat = stripControls(text.slice(0, max * 4).toWellFormed())
    .replace(/\s+/g, ' ')
    .trim();
  // Half of a character that takes two units would be no text any more.
  const cut = flat.length > max ? `${flat.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…` : flat;
  // The runner reads a command from any line that starts with `::` (after white space) or holds `##[`.
  return cut.replace(/^::/, ':\u200b:').replace(/##\[/g, '#\u200b#[');
}

/** Text of several lines, none of which the runner would read as a command; otherwise as it is. */
export function noCommands(text: string): string {
  return text.replace(/^([^\S\n]*)::/gm, '$1:\u200b:').replace(/##\[/g, '#\u200b#[');
}

/** Without ANSI sequences, control characters (but tab and line feed) and bidirectional overrides. */
export function stripControls(text: string): string {
  // ANSI sequences first, then every control character but tab and line feed, then bidirectional overrides.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  const plain = text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(/\r\n?/g, '\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  return plain.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '');
}

/** A fenced code block that its content cannot close. */
export function codeBlock(text: string, max = 4_000): string {
  const body = stripControls(text).slice(0, max);
  const fence = '`'.repeat(Math.max(3, ...[...body.matchAll(/`+/g)].map((m) => m[0].length + 1)));
  return `${fence}text\n${body}\n${fence}`;
}
