import type {Letter} from './stream.js';

/** Letters of a stream, run-length encoded as they come: `w.120x.3` is one warm-up, 120 good pairs, a failure, 3 good. */
export class LetterLog {
  #done = '';
  #last: Letter | undefined;
  #run = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(letter: Letter): void {
    this.#length++;
    if (letter === this.#last) {
      this.#run++;
      return;
    }
    this.#done += this.#tail();
    this.#last = letter;
    this.#run = 1;
  }

  toString(): string {
    return this.#done + this.#tail();
  }

  #tail(): string {
    return this.#last === undefined ? '' : this.#run === 1 ? this.#last : `${this.#last}${this.#run}`;
  }
}

/**
 * Decodes a letter log. @returns undefined when the text is none, or holds more than `max` letters: it may come from a
 * file that somebody edited.
 */
export function decodeLetters(text: string, max = 10_000_000): Letter[] | undefined {
  if (!/^([wvu\-=x.osSbBcf+!~]([1-9]\d{0,7})?)*$/.test(text)) return undefined;
  const letters: Letter[] = [];
  for (const [, letter, count] of text.matchAll(/(\D)(\d*)/g)) {
    const times = count ? Number(count) : 1;
    if (letters.length + times > max) return undefined;
    for (let i = 0; i < times; i++) letters.push(letter as Letter);
  }
  return letters;
}
