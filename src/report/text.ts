import {codeBlock, oneLine} from '../kernel/text.js';

export {codeBlock, oneLine};

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

/** Inline code for an id. A bar would end the cell of a table even inside the code. */
export function code(text: string, max = 120): string {
  return `\`${oneLine(text, max).replace(/`/g, "'").replace(/\|/g, '\u00a6') || ' '}\``;
}

/** A link to a page of a platform; the address alone when it is not one of the web. */
export function link(text: string, url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return cell(url);
  return `[${cell(text)}](${new URL(url).href.replace(/[()|<>\s]/g, encodeURIComponent).replace(/[()]/g, (sign) => (sign === '(' ? '%28' : '%29'))})`;
}

/** A Markdown table; cells must already be escaped. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}
