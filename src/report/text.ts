import {oneLine, stripControls} from '../kernel/text.js';

export {oneLine};

/**
 * Foreign text (answers, logs, names, messages from platforms) made harmless before it is shown. All functions are
 * pure and total: they never throw and their results are bounded.
 */

/** A cell of a Markdown table. */
export function cell(text: string, max = 300): string {
  return oneLine(text, max)
    .replace(/[\\`*_{}[\]<>()#+!|~&@]/g, (character) => `\\${character}`)
    .replace(/\\&/g, '&amp;')
    .replace(/\\</g, '&lt;')
    .replace(/\\>/g, '&gt;')
    .replace(/\\@/g, '@\u200b');
}

/** A fenced code block that its content cannot close. */
export function codeBlock(text: string, max = 4_000): string {
  const body = stripControls(text).slice(0, max);
  const fence = '`'.repeat(Math.max(3, ...[...body.matchAll(/`+/g)].map((m) => m[0].length + 1)));
  return `${fence}text\n${body}\n${fence}`;
}

/** Inline code for an id. A bar would end the cell of a table even inside the code. */
export function code(text: string, max = 120): string {
  return `\`${oneLine(text, max).replace(/`/g, "'").replace(/\|/g, '\u00a6') || ' '}\``;
}

/** A Markdown table; cells must already be escaped. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}
