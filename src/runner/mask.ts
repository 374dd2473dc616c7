import {setSecret} from './commands.js';

/**
 * Registers a secret and the forms in which it could come back: every line of a multi-line value, the password inside
 * a URL, its percent-decoded and percent-encoded form, and base64. The runner masks base64 of the whole value itself;
 * parts of it, and values in URLs, it does not know.
 */
export function mask(value: string): void {
  for (const form of formsOf(value)) setSecret(form);
}

/** All texts to hide for one secret; at least four characters each, so that masking cannot blank out a log. */
export function formsOf(value: string): string[] {
  const forms = new Set<string>();
  const add = (text: string) => {
    if (text.trim().length >= 4) forms.add(text.trim());
  };
  add(value);
  for (const line of value.split(/\r?\n/)) if (line.trim().length >= 8) add(line);
  for (const part of [value, ...urlParts(value)]) {
    add(part);
    // A lone half of a character, as JSON can hold it, cannot be encoded; the process would print it replaced.
    add(encodeURIComponent(part.toWellFormed()));
    add(decode(part));
    add(Buffer.from(part).toString('base64'));
    add(Buffer.from(part).toString('base64url'));
  }
  return [...forms];
}

function urlParts(value: string): string[] {
  if (!URL.canParse(value)) return [];
  const {password} = new URL(value);
  // A user name is rarely secret and often a common word; the password always is.
  return password ? [password, decode(password)] : [];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Is a value that was found among a platform's variables a secret? Most are not, and masking a plain one is harmful: the
 * runner drops every output that contains it, so a masked `production`, host name or deployment id would silently take
 * the way back with it. Values are never printed on purpose; this only decides about the safety net.
 */
export function looksSecret(value: string): boolean {
  const text = value.trim();
  if (text.length < 8) return false;
  if (URL.canParse(text) && /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return new URL(text).password !== '';
  const plain = [
    /^[a-z]+([ _-][a-z]+)*$/i, // words
    /^[\d.,:+\-TZ ]+$/, // numbers, versions, times
    /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i, // ids of the platform
    /^[0-9a-f]{40}$/, // commits
    /^([a-z0-9-]+\.)+[a-z0-9-]+(:\d+)?$/i, // hosts
    /^[\w.-]+\/[\w./-]+$/, // paths, repositories
  ];
  return !plain.some((shape) => shape.test(text));
}
