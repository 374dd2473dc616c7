/** Replaces secrets by `***` in everything that leaves the engine, as the runner does: whole, by line, and in common encodings. */
export interface Masker {
  /** Masks the trimmed value and each of its lines; an empty value is ignored. */
  add(secret: string): void;
  mask(text: string): string;
  /** Whether the text contains a secret. */
  finds(text: string): boolean;
}

export function createMasker(): Masker {
  const values = new Set<string>();
  const add = (secret: string) => {
    for (const part of [secret.trim(), ...secret.split(/\r?\n/).map((line) => line.trim())])
      if (part) for (const form of formsOf(part)) values.add(form);
  };
  const mask = (text: string) => {
    const spans = spansIn(text, values);
    if (spans.length === 0) return text;
    let masked = '';
    let end = 0;
    for (const [from, to] of spans) {
      masked += `${text.slice(end, from)}***`;
      end = to;
    }
    return masked + text.slice(end);
  };
  return {add, mask, finds: (text) => spansIn(text, values).length > 0};
}

/** A secret and what encoders make of it; a form shorter than four characters other than the secret itself is left out. */
function formsOf(secret: string): string[] {
  const quoted = /^(["'])(.{8,})\1$/s.exec(secret);
  const forms = [
    ...base64Forms(secret),
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    secret.replaceAll("'", "''"),
    secret.replace(/[&<>"']/g, (char) => xmlEntities[char]!),
    secret.replaceAll('"', '\\"'),
    ...(quoted ? [quoted[2]!] : []),
  ];
  return [secret, ...forms.filter((form) => form.length > 3)];
}

const xmlEntities: Record<string, string> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;'};

/** Base64 of the secret wherever it starts inside a longer text: three alignments, without the characters shared with neighbours. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const from = [0, 2, 3][shift]!;
    const spare = (bytes.length + shift) % 3 === 0 ? 0 : 1;
    return text.slice(from, text.length - spare);
  });
}

/** Where secrets stand, overlapping ones joined, in order. */
function spansIn(text: string, values: ReadonlySet<string>): [from: number, to: number][] {
  const found: [number, number][] = [];
  for (const value of values)
    for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) found.push([at, at + value.length]);
  if (found.length < 2) return found;
  found.sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [found[0]!];
  for (const [from, to] of found.slice(1)) {
    const last = joined[joined.length - 1]!;
    if (from <= last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}
