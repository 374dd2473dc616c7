/**
 * A function that removes the given secrets, in the forms in which an answer could echo them, and whatever looks like a
 * token or a cookie, from a text.
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    for (const form of [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      Buffer.from(secret).toString('base64url'),
    ]) {
      if (form.length >= 4) forms.add(form);
    }
  }
  // Longest first, so that no part of a longer secret survives the removal of a shorter one.
  const ordered = [...forms].sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const form of ordered) clean = clean.split(form).join('***');
    return clean
      .replace(/\beyJ[\w-]{8,}\.[\w-]{4,}(\.[\w-]*)?/g, '***')
      .replace(
        /("[\w-]*(?:token|secret|password|cookie|session|authorization|api[_-]?key)[\w-]*"\s*:\s*)"[^"]*"?/gi,
        '$1"***"',
      )
      .replace(/\b((?:set-)?cookie|authorization)\s*[:=][^\n]*/gi, '$1: ***')
      .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/g, '$1 ***');
  };
}
