import type {PgNode} from './grammar.js';

/** Calls `visit` for every node of a parse tree, outermost first. */
export function walk(tree: unknown, visit: (type: string, fields: PgNode) => void): void {
  if (Array.isArray(tree)) for (const one of tree) walk(one, visit);
  else if (tree && typeof tree === 'object')
    for (const [key, value] of Object.entries(tree)) {
      if (/^[A-Z]/.test(key) && value && typeof value === 'object') visit(key, value as PgNode);
      walk(value, visit);
    }
}

/** The names of columns that an expression reads. */
export function columnsIn(expression: unknown): string[] {
  const found: string[] = [];
  walk(expression, (type, {fields}) => {
    if (type === 'ColumnRef') found.push(((fields as PgNode[]).at(-1)?.['String']?.sval as string) ?? '*');
  });
  return [...new Set(found)];
}

/** The functions that an expression or statement calls, without their schema. */
export function functionsIn(tree: unknown): string[] {
  const found: string[] = [];
  walk(tree, (type, {funcname}) => {
    if (type === 'FuncCall') found.push(((funcname as PgNode[]).at(-1)?.['String']?.sval as string) ?? '');
  });
  return [...new Set(found)];
}

/** Does a default give each row a value of its own? `now()` gives one value to all rows of a transaction. */
export function differsByRow(expression: unknown): boolean {
  const frozen = new Set(['now', 'transaction_timestamp', 'statement_timestamp']);
  return functionsIn(expression).some((name) => !frozen.has(name));
}

/** Written as NULL, with or without a cast. */
export function isNull(expression: PgNode | undefined): boolean {
  const inner = expression?.['TypeCast']?.arg ?? expression;
  return inner?.['A_Const']?.isnull === true;
}

/** Functions of PostgreSQL that take whatever a column of their type holds, and raise nothing. */
const calm = new Set(
  'lower upper btrim ltrim rtrim trim coalesce md5 length char_length octet_length left right concat concat_ws to_tsvector setweight date_trunc date abs ceil floor round greatest least nullif jsonb_array_length array_length cardinality immutable_unaccent unaccent strip replace reverse starts_with jsonb_typeof to_jsonb timezone extract date_part position strpos substring'.split(
    ' ',
  ),
);
calm.delete('jsonb_array_length');

/** Can working out the expression for a row of old code fail: a cast of what a column holds, a division, foreign code? */
export function mayRaise(expression: unknown): boolean {
  let risky = functionsIn(expression).some((name) => !calm.has(name));
  walk(expression, (type, fields) => {
    if (type === 'TypeCast' && columnsIn(fields['arg']).length > 0 && !/^(text|varchar)$/.test(castTo(fields)))
      risky = true;
    if (type === 'A_Expr' && /^[/%]$/.test((fields['name'] as PgNode[])?.[0]?.['String']?.sval ?? '')) risky = true;
  });
  return risky;
}

function castTo(cast: PgNode): string {
  return ((cast['typeName']?.names ?? []) as PgNode[]).at(-1)?.['String']?.sval ?? '';
}

/** Is a check true or unknown whenever `column` is NULL? Only plain comparisons of that one column are. */
export function passesNull(check: unknown, column: string): boolean {
  if (columnsIn(check).some((name) => name !== column)) return false;
  let plain = functionsIn(check).every(
    (name) => calm.has(name) && !/^(coalesce|concat|concat_ws|greatest|least)$/.test(name),
  );
  walk(check, (type, fields) => {
    if (/^(NullTest|CoalesceExpr|CaseExpr|BooleanTest|MinMaxExpr|SubLink|JsonIsPredicate)$/.test(type)) plain = false;
    if (type === 'A_Expr' && /DISTINCT/.test(fields['kind'] as string)) plain = false;
  });
  return plain;
}

/** The one column and the values of `column IN (…)` or `column = ANY (ARRAY[…])`; undefined for any other check. */
export function listedValues(check: PgNode | undefined): {column: string; values: Set<string>} | undefined {
  const test = check?.['A_Expr'];
  const list = bare(test?.rexpr);
  const items = (list?.['List']?.items ?? list?.['A_ArrayExpr']?.elements) as PgNode[] | undefined;
  const equals = test?.name?.[0]?.String?.sval === '=';
  if (!test || !items || !equals || !/^AEXPR_(IN|OP_ANY)$/.test(test.kind)) return undefined;
  const column = (bare(test.lexpr)?.['ColumnRef']?.fields as PgNode[] | undefined)?.at(-1)?.['String']?.sval;
  const values = items.map((item) => textOf(bare(item)?.['A_Const']));
  return column && values.every((value) => value !== undefined)
    ? {column, values: new Set(values as string[])}
    : undefined;
}

function bare(node: PgNode | undefined): PgNode | undefined {
  return node?.['TypeCast'] ? bare(node['TypeCast'].arg) : node;
}

function textOf(constant: PgNode | undefined): string | undefined {
  if (!constant || constant['isnull']) return undefined;
  const {location: _, ...value} = constant;
  return JSON.stringify(value);
}

/** A parse tree as text without positions, for comparing. */
export function shapeOf(tree: unknown): string {
  return JSON.stringify(tree, (key, value) => (key === 'location' ? undefined : value)) ?? '';
}
