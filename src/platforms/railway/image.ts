interface ImageParts {
  readonly name: string;
  readonly tag?: string;
  readonly digest?: string;
}

/**
 * Whether two image references name the same content as far as can be told: equal digests when both have one,
 * otherwise equal name and tag.
 */
export function sameImage(a: string | undefined, b: string | undefined): boolean {
  if (!a || !b) return false;
  const left = partsOf(a);
  const right = partsOf(b);
  if (left.digest && right.digest) return left.digest === right.digest;
  return left.name === right.name && (left.tag ?? 'latest') === (right.tag ?? 'latest');
}

/** True when the reference can never mean another image. */
export function isPinned(image: string): boolean {
  return partsOf(image).digest !== undefined;
}

function partsOf(image: string): ImageParts {
  const [reference = '', digest] = image.split('@', 2);
  const match = /^(.*?)(?::([^:/]+))?$/.exec(reference)!;
  const name = match[1]!
    .toLowerCase()
    .replace(/^(docker\.io|index\.docker\.io)\//, '')
    .replace(/^library\//, '');
  return {name, tag: match[2], digest: digest?.toLowerCase()};
}
