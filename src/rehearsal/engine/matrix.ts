/** One combination of a matrix. */
export type Leg = Readonly<Record<string, unknown>>;

/** Expands `strategy.matrix` (already evaluated): the product of its lists, minus `exclude`, plus `include`. Order as on GitHub. */
export function expandMatrix(matrix: unknown): Leg[] {
  if (typeof matrix !== 'object' || matrix === null) return [];
  const {include, exclude, ...axes} = matrix as Record<string, unknown>;
  const excluded = legsOf(exclude);
  const product = productOf(axes).filter((leg) => !excluded.some((rule) => partlyEqual(leg, rule)));
  return withIncludes(product, legsOf(include), Object.keys(axes));
}

/** The name of a leg as GitHub shows it: `id (a, b)`. */
export function legName(id: string, leg: Leg): string {
  const values = Object.values(leg).map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)));
  return values.length ? `${id} (${values.join(', ')})` : id;
}

function productOf(axes: Record<string, unknown>): Leg[] {
  const lists = Object.entries(axes).map(
    ([name, values]) => [name, Array.isArray(values) ? values : [values]] as const,
  );
  if (lists.length === 0) return [];
  return lists.reduce<Leg[]>(
    (legs, [name, values]) => legs.flatMap((leg) => values.map((value) => ({...leg, [name]: value}))),
    [{}],
  );
}

/** An include extends every original leg whose own values it does not change; without such a leg it becomes one of its own. */
function withIncludes(legs: readonly Leg[], includes: readonly Leg[], axes: readonly string[]): Leg[] {
  const extended = legs.map((leg) => ({...leg}));
  const added: Leg[] = [];
  for (const include of includes) {
    const fitting = extended.filter((_, index) =>
      axes.every((axis) => !(axis in include) || equal(include[axis], legs[index]![axis])),
    );
    for (const leg of fitting) Object.assign(leg, include);
    if (fitting.length === 0) added.push(include);
  }
  return [...extended, ...added];
}

function legsOf(list: unknown): Leg[] {
  return Array.isArray(list) ? (list as Leg[]) : [];
}

function partlyEqual(leg: Leg, rule: Leg): boolean {
  return Object.entries(rule).every(([name, value]) => equal(leg[name], value));
}

function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
