/** Every shape in which a secret could stand somewhere: as it is, by lines, percent-encoded, base64 at each offset, hex. */
export function shapesOf(secret: string): Map<string, string> {
  const shapes = new Map([['plain', secret]]);
  const add = (name: string, shape: string) => {
    if (shape.length >= 8 && ![...shapes.values()].includes(shape)) shapes.set(name, shape);
  };
  secret.split(/\r?\n/).forEach((line, i) => {
    // The frame of a key is no secret: messages quote it.
    if (!line.startsWith('-----')) add(`line ${i + 1}`, line.trim());
  });
  add('percent-encoded', encodeURIComponent(secret));
  add('in JSON', JSON.stringify(secret).slice(1, -1));
  add('hex', Buffer.from(secret).toString('hex'));
  for (const offset of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]).toString('base64');
    // The first and last letters depend on what stands around the secret.
    add(
      `base64 at ${offset}`,
      text
        .slice(offset ? 4 : 0)
        .replace(/=+$/, '')
        .slice(0, -1),
    );
  }
  const url = URL.canParse(secret) ? new URL(secret) : undefined;
  if (url?.password)
    for (const [name, shape] of shapesOf(decodeURIComponent(url.password))) add(`password, ${name}`, shape);
  return shapes;
}

/** @returns one line for each secret found, such as `vercel-token (base64 at 0) in log`; never the secret itself. */
export function leaksIn(places: Readonly<Record<string, string>>, secrets: Readonly<Record<string, string>>): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) =>
    [...shapesOf(secret)].flatMap(([shape, text]) =>
      Object.entries(places).flatMap(([place, content]) =>
        content.includes(text) ? [`${name} (${shape}) in ${place}`] : [],
      ),
    ),
  );
}
