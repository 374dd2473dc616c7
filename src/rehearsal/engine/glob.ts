/** A glob as a pattern over the whole text: `*` and `?` stay within a folder, `**` crosses folders, `[ab]` is a class. */
export function globPattern(glob: string): RegExp {
  const source = glob.replace(/\*\*\/|\*\*|\*|\?|\[[^\]]*\]|[.+^${}()|\\]/g, (part) => {
    if (part === '**/') return '(?:[^/]+/)*';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    return part.startsWith('[') ? part : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

/** Whether a name passes a list of globs in which a later `!glob` takes names out again. */
export function passes(name: string, globs: readonly string[]): boolean {
  return globs.reduce(
    (is, glob) =>
      glob.startsWith('!') ? is && !globPattern(glob.slice(1)).test(name) : is || globPattern(glob).test(name),
    false,
  );
}
