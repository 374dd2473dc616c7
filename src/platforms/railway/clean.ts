/** Foreign text (messages, log lines, names) made safe to pass on: one line, bounded, without what looks like a secret. */
export function cleanLine(text: string, max = 300): string {
  const flat = withoutSecrets(withoutControls(text.slice(0, max * 8)))
    .replace(/\s+/g, ' ')
    .trim();
  return flat.length > max ? `${flat.slice(0, max - 1)}…` : flat;
}

function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  const uncoloured = text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '');
  return uncoloured.replace(/\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, ' ');
}

// The runner masks what it was told of; an application's log may hold what nobody told it.
function withoutSecrets(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@]+@/gi, '$1:***@')
    .replace(/\b(bearer|basic)\s+[\w+/=.~-]{8,}/gi, '$1 ***')
    .replace(
      /\b([\w-]*(?:password|passwd|secret|token|api[_-]?key|private[_-]?key|authorization)[\w-]*["']?\s*[=:]\s*)(?!(?:bearer|basic)\b)("[^"]*"|'[^']*'|[^\s,;]+)/gi,
      '$1***',
    );
}
