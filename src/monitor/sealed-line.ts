/**
 * Lines that know whether they are whole. A record is written as line break, text, space, check sum: the leading break
 * cuts off whatever a killed writer left before it, so that nobody has to read a file before adding to it.
 */

// Taken once: where a global is looked up through a sandbox, that costs more than the product.
const {imul} = Math;

/** The text of one record, ready to be appended. `text` holds no line break. */
export function sealLine(text: string): string {
  return `\n${text} ${checksum(text)}`;
}

export interface Lines {
  /** The text of each whole record, in the order of the file. */
  readonly lines: readonly string[];
  /** Records that were cut off or changed; they are left out. */
  readonly damaged: number;
}

/** Reads records; never throws, whatever the text holds. */
export function openLines(text: string): Lines {
  const lines: string[] = [];
  let damaged = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const at = line.lastIndexOf(' ');
    const body = line.slice(0, at);
    if (at > 0 && line.slice(at + 1) === checksum(body)) lines.push(body);
    else damaged++;
  }
  return {lines, damaged};
}

/** FNV-1a over the UTF-16 units, 32 bits in base 36: finds torn lines, not forgers. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(36).padStart(7, '0');
}

/** A short name for a list of texts, stable everywhere. */
export function shortHash(texts: readonly string[]): string {
  return checksum(JSON.stringify(texts));
}
