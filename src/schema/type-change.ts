/**
 * Can values of the new type differ from, or be refused where, values of the old type were fine? Only changes that
 * PostgreSQL documents as safe for readers and writers alike are said not to narrow; a wider integer narrows too, since
 * many drivers hand a bigint to the program as text.
 */
export function narrows(from: string, to: string): boolean {
  if (from === to) return false;
  const [a, b] = [split(from), split(to)];
  if (a.array !== b.array) return true;
  const text = new Set(['varchar', 'text']);
  if (text.has(a.name) && (b.name === 'text' || (b.name === 'varchar' && b.numbers.length === 0))) return false;
  if (a.name === 'varchar' && b.name === 'varchar')
    return b.numbers.length > 0 && (a.numbers.length === 0 || b.numbers[0]! < a.numbers[0]!);
  if (a.name === 'int2' && b.name === 'int4') return false;
  if (a.name === 'numeric' && b.name === 'numeric') return numericNarrows(a.numbers, b.numbers);
  if (a.name === b.name && ['timestamp', 'timestamptz', 'time', 'timetz', 'interval'].includes(a.name))
    return b.numbers.length > 0 && (a.numbers.length === 0 || b.numbers[0]! < a.numbers[0]!);
  if (a.name === 'varbit' && b.name === 'varbit')
    return b.numbers.length > 0 && (a.numbers.length === 0 || b.numbers[0]! < a.numbers[0]!);
  if (a.name === 'cidr' && b.name === 'inet') return false;
  return true;
}

/** Two ways to write one type. */
export function changesNothing(from: string, to: string): boolean {
  return from === to;
}

/** Does PostgreSQL write the table again for a change that does not narrow? Only integers are stored differently. */
export function rewrites(from: string, to: string): boolean {
  return from !== to && /^(int|small|serial|big)/.test(from);
}

/** The same scale and at least the precision, or no limit at all, keeps every value as it was written. */
function numericNarrows(from: readonly number[], to: readonly number[]): boolean {
  if (to.length === 0) return from.length === 0 ? false : from[1] !== undefined && from[1] > 0;
  if (from.length === 0) return true;
  return (from[1] ?? 0) !== (to[1] ?? 0) || to[0]! < from[0]!;
}

function split(type: string): {name: string; numbers: number[]; array: boolean} {
  const match = /^([a-z_. ]+\d?)(?:\(([\d,]+)\))?(\[\])?$/.exec(type);
  const aliases: Record<string, string> = {bpchar: 'char', serial: 'int4', bigserial: 'int8', smallserial: 'int2'};
  const name = match?.[1] ?? type;
  return {
    name: aliases[name] ?? name,
    numbers: (match?.[2] ?? '').split(',').filter(Boolean).map(Number),
    array: match?.[3] !== undefined,
  };
}
