import type {ParsedStatement, PgNode} from './grammar.js';

/**
 * What earlier migrations say about the schema: enough to tell a constraint that code leans on from one that it does
 * not. It is knowledge, not truth: what it does not know is unknown, never absent.
 */
export interface Column {
  notNull: boolean;
  hasDefault: boolean;
  readonly type: string;
}

export type ConstraintKind = 'check' | 'foreign' | 'unique' | 'primary' | 'exclude' | 'not-null';

export class Catalog {
  readonly tables = new Map<string, Map<string, Column>>();
  /** `table.constraint` to its kind. */
  readonly constraints = new Map<string, ConstraintKind>();
  /** Index name to whether it is unique, and its table. */
  readonly indexes = new Map<string, {readonly unique: boolean; readonly table: string}>();
  /** Views, types, functions and others by name. */
  readonly objects = new Set<string>();

  /** Learns what a statement makes; what is dropped stays known, since old code may lean on it. */
  learn({type, fields}: ParsedStatement): void {
    if (type === 'CreateStmt') this.#table(fields);
    else if (type === 'IndexStmt') this.#index(fields);
    else if (type === 'AlterTableStmt') this.#alter(fields);
    else for (const name of madeBy(type, fields)) this.objects.add(name);
  }

  column(table: string, column: string): Column | undefined {
    return this.tables.get(table)?.get(column);
  }

  #table(fields: PgNode): void {
    const table = relationName(fields['relation']);
    const columns = new Map<string, Column>();
    for (const element of (fields['tableElts'] ?? []) as PgNode[]) {
      if (element['ColumnDef']) this.#column(table, columns, element['ColumnDef']);
      else if (element['Constraint']) this.#constraint(table, element['Constraint'], columns);
    }
    this.tables.set(table, columns);
  }

  #column(table: string, columns: Map<string, Column>, definition: PgNode): void {
    const constraints = constraintsOf(definition);
    const has = (kind: string) => constraints.some((constraint) => constraint['contype'] === kind);
    const type = typeName(definition['typeName']);
    columns.set(definition['colname'], {
      notNull: has('CONSTR_NOTNULL') || has('CONSTR_PRIMARY'),
      hasDefault: has('CONSTR_DEFAULT') || has('CONSTR_IDENTITY') || has('CONSTR_GENERATED') || /serial/.test(type),
      type,
    });
    for (const constraint of constraints) this.#constraint(table, constraint, columns, definition['colname']);
  }

  #constraint(table: string, constraint: PgNode, columns: Map<string, Column>, column?: string): void {
    const kind = kinds[constraint['contype'] as string];
    if (!kind) return;
    const keys = column
      ? [column]
      : ((constraint['keys'] ?? constraint['fk_attrs'] ?? []) as PgNode[]).map((key) => key['String']?.sval as string);
    const suffix = {
      check: 'check',
      foreign: 'fkey',
      unique: 'key',
      primary: 'pkey',
      exclude: 'excl',
      'not-null': 'not_null',
    }[kind];
    const local = table.split('.').at(-1)!;
    const name =
      (constraint['conname'] as string | undefined) ??
      (kind === 'primary' ? `${local}_pkey` : [local, ...keys, suffix].join('_'));
    this.constraints.set(`${table}.${name}`, kind);
    if (kind === 'unique' || kind === 'primary') this.indexes.set(qualify(name, table), {unique: true, table});
    if (kind === 'primary') for (const key of keys) if (columns.has(key)) columns.get(key)!.notNull = true;
  }

  #index(fields: PgNode): void {
    const table = relationName(fields['relation']);
    if (fields['idxname'])
      this.indexes.set(qualify(fields['idxname'], table), {unique: fields['unique'] === true, table});
  }

  #alter(fields: PgNode): void {
    const table = relationName(fields['relation']);
    const columns = this.tables.get(table) ?? new Map<string, Column>();
    for (const {AlterTableCmd: command} of (fields['cmds'] ?? []) as Array<{AlterTableCmd: PgNode}>) {
      const definition = command['def']?.ColumnDef;
      if (command['subtype'] === 'AT_AddColumn' && definition) this.#column(table, columns, definition);
      if (command['subtype'] === 'AT_AddConstraint' && command['def']?.Constraint)
        this.#constraint(table, command['def'].Constraint, columns);
      const known = columns.get(command['name'] as string);
      if (known && command['subtype'] === 'AT_ColumnDefault') known.hasDefault = command['def'] !== undefined;
      if (known && command['subtype'] === 'AT_SetNotNull') known.notNull = true;
      if (known && command['subtype'] === 'AT_DropNotNull') known.notNull = false;
    }
    if (!this.tables.has(table) && columns.size) this.tables.set(table, columns);
  }
}

const kinds: Readonly<Record<string, ConstraintKind>> = {
  CONSTR_CHECK: 'check',
  CONSTR_FOREIGN: 'foreign',
  CONSTR_UNIQUE: 'unique',
  CONSTR_PRIMARY: 'primary',
  CONSTR_EXCLUSION: 'exclude',
  CONSTR_NOTNULL: 'not-null',
};

export function constraintsOf(definition: PgNode): PgNode[] {
  return ((definition['constraints'] ?? []) as PgNode[]).map((entry) => entry['Constraint']).filter(Boolean);
}

/** `schema.name`, with `public` where none is given. */
export function relationName(relation: PgNode | undefined): string {
  return relation ? `${relation['schemaname'] ?? 'public'}.${relation['relname']}` : '';
}

function qualify(name: string, table: string): string {
  return `${table.split('.')[0]}.${name}`;
}

/** A name given as a list of strings, or a list node, or a type name. */
export function objectName(object: unknown): string {
  const node = object as PgNode;
  const items = (
    Array.isArray(object)
      ? object
      : (node?.['List']?.items ??
        node?.['TypeName']?.names ??
        node?.['ObjectWithArgs']?.objname ??
        (node?.['String'] ? [node] : []))
  ) as PgNode[];
  const words = items.map((item) => item['String']?.sval as string).filter(Boolean);
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

/** Names of things that are neither tables nor indexes, made by a statement. */
export function madeBy(type: string, fields: PgNode): string[] {
  switch (type) {
    case 'ViewStmt':
      return [relationName(fields['view'])];
    case 'CreateTableAsStmt':
      return [relationName(fields['into']?.rel)];
    case 'CreateSeqStmt':
      return [relationName(fields['sequence'])];
    case 'CreateEnumStmt':
    case 'CreateRangeStmt':
      return [objectName(fields['typeName'])];
    case 'CompositeTypeStmt':
      return [relationName(fields['typevar'])];
    case 'CreateDomainStmt':
      return [objectName(fields['domainname'])];
    case 'CreateFunctionStmt':
      return [objectName(fields['funcname'])];
    case 'CreateSchemaStmt':
      return [`schema ${fields['schemaname']}`];
    default:
      return [];
  }
}
