import * as core from '@actions/core';

/**
 * Registers a secret and the forms in which it could come back: every line of a multi-line value, the password inside
 * a URL, its percent-decoded and percent-encoded form, and base64. The runner masks base64 of the whole value itself;
 * parts of it, and values in URLs, it does not know.
 */
export function mask(value: string): void {
  for (const form of formsOf(value)) core.setSecret(form);
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
    add(encodeURIComponent(part));
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
