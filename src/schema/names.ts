import type {ParsedStatement, PgNode} from './grammar.js';

/** `schema.name`, with `public` where none is given; `pg_temp` for what only this session sees. */
export function relationName(relation: PgNode | undefined): string {
  if (!relation) return '';
  const schema = relation['relpersistence'] === 't' ? 'pg_temp' : (relation['schemaname'] ?? 'public');
  return `${schema}.${relation['relname']}`;
}

/** The words of a name, however the grammar wraps it. */
export function wordsOf(object: unknown): string[] {
  const node = object as PgNode;
  const items = (
    Array.isArray(object)
      ? object
      : (node?.['List']?.items ??
        node?.['TypeName']?.names ??
        node?.['ObjectWithArgs']?.objname ??
        (node?.['String'] ? [node] : []))
  ) as PgNode[];
  return items.map((item) => item['String']?.sval as string).filter(Boolean);
}

/** A name given as a list of strings, or a list node, or a type name. */
export function objectName(object: unknown): string {
  return qualified(wordsOf(object));
}

/** `public.orders` from `[orders]`, `shop.orders` from `[shop, orders]`. */
export function qualified(words: readonly string[]): string {
  return words.length > 1 ? words.slice(-2).join('.') : `public.${words[0] ?? ''}`;
}

/** `int4`, `varchar(20)`, `numeric(10,2)`, `text[]`. */
export function typeName(type: PgNode | undefined): string {
  if (!type) return '';
  const names = ((type['names'] ?? []) as PgNode[])
    .map((name) => name['String']?.sval as string)
    .filter((name) => name !== 'pg_catalog');
  const modifiers = ((type['typmods'] ?? []) as PgNode[]).map((modifier) => modifier['A_Const']?.ival?.ival ?? 0);
  return `${names.join('.')}${modifiers.length ? `(${modifiers.join(',')})` : ''}${type['arrayBounds'] ? '[]' : ''}`;
}

/**
 * The schema that unqualified names mean after a statement that sets `search_path`; undefined for other statements.
 * An empty path gives the empty text: nothing is found without its schema then.
 */
export function pathSetBy({type, fields, sql}: ParsedStatement): string | undefined {
  if (type === 'SelectStmt') {
    const set = /set_config\(\s*'search_path'\s*,\s*'([^']*)'/i.exec(sql);
    return set ? firstOf(set[1]!.split(',')) : undefined;
  }
  if (type !== 'VariableSetStmt' || fields['name'] !== 'search_path') return undefined;
  if (fields['kind'] !== 'VAR_SET_VALUE') return 'public';
  return firstOf(((fields['args'] ?? []) as PgNode[]).map((arg) => arg['A_Const']?.sval?.sval ?? ''));
}

function firstOf(path: readonly string[]): string {
  return path.map((name) => name.trim().replace(/^"|"$/g, '')).find((name) => name !== '$user') ?? 'public';
}

const inSchemas = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
  'OBJECT_FOREIGN_TABLE',
]);

/** The statement with its unqualified names of tables put into `schema`, which a `SET search_path` made the first. */
export function placeNames(statement: ParsedStatement, schema: string): ParsedStatement {
  if (schema === 'public') return statement;
  const fields = JSON.parse(JSON.stringify(statement.fields), (_, value) =>
    value && typeof value === 'object' && 'relname' in value && !('schemaname' in value) && value.relpersistence !== 't'
      ? {...value, schemaname: schema}
      : value,
  ) as Record<string, any>;
  if (statement.type === 'DropStmt' && inSchemas.has(fields['removeType']))
    for (const object of fields['objects'] ?? [])
      if (object.List?.items.length === 1) object.List.items.unshift({String: {sval: schema}});
  return {...statement, fields};
}
