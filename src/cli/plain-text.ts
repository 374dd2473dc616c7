/**
 * The Markdown that job summaries are made of, as text for a terminal: headings, tables with aligned columns, lists and
 * code. Diagrams, their legends and pictures are left out. It knows what src/report writes, not all of Markdown.
 */
export function plainText(markdown: string): string {
  const out: string[] = [];
  const lines = markdown.replace(/<!-- also in the log -->\s*<details>[\s\S]*?<\/details>/g, '').split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const fence = /^(`{3,})(\w*)/.exec(line);
    if (fence) {
      const end = lines.findIndex((other, index) => index > at && other.startsWith(fence[1]!));
      const last = end === -1 ? lines.length : end;
      if (fence[2] !== 'mermaid') out.push(...lines.slice(at + 1, last).map((code) => `    ${code}`));
      at = last;
    } else if (line.startsWith('|')) {
      const rows = lines.slice(at).findIndex((other) => !other.startsWith('|'));
      const end = rows === -1 ? lines.length : at + rows;
      out.push(...tableLines(lines.slice(at, end)));
      at = end - 1;
    } else if (!/^[🟥🟦]/u.test(line)) out.push(inline(line.replace(/^#{1,6}\s+/, '')));
  }
  return out
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** Rows of a Markdown table as aligned columns, the head first and underlined. */
function tableLines(rows: readonly string[]): string[] {
  const [head, ...body] = rows.filter((row) => !/^\|[\s:|-]+\|?$/.test(row)).map(cells);
  return head ? columns(head, body) : [];
}

/** Aligned columns; the last one is not padded. */
export function columns(head: readonly string[], body: ReadonlyArray<readonly string[]>): string[] {
  const all = [head, ...body];
  const widths = head.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))));
  const render = (row: readonly string[]) =>
    row
      .map((text, column) => (column === row.length - 1 ? text : text + ' '.repeat(widths[column]! - width(text))))
      .join('  ')
      .trimEnd();
  return [render(head), widths.map((size) => '─'.repeat(size)).join('  '), ...body.map(render)];
}

function cells(row: string): string[] {
  return row
    .replace(/^\||\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => inline(cell.trim()));
}

function inline(text: string): string {
  return text
    .replace(/<br\s*\/?>/g, ' ')
    .replace(/<\/?(details|summary|b|sub|sup|p|div)[^>]*>/g, '')
    .replace(/!\[[^\]]*\]\([^)]*\)/g, '')
    .replace(/(?<!\\)\[([^\]]+)\]\(([^)]+)\)/g, '$1 ($2)')
    .replace(/(?<!\\)\*\*(.+?)\*\*/g, '$1')
    .replace(/(?<!\\)`([^`]*)`/g, '$1')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .replace(/\u200b/g, '')
    .replace(/\\([\\`*_{}[\]<>()#+!|~&@])/g, '$1');
}

/** Columns a text takes; emoji take two. */
function width(text: string): number {
  return [...text.replace(/\ufe0f/g, '')].reduce(
    (sum, letter) => sum + (/\p{Emoji_Presentation}/u.test(letter) ? 2 : 1),
    0,
  );
}
