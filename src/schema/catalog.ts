import {differsByRow, functionsIn, isNull, shapeOf} from './expression.js';
import type {ParsedStatement, PgNode} from './grammar.js';
import {objectName, relationName, typeName} from './names.js';

/** A column as the migrations left it. */
export interface Column {
  readonly type: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** Its default draws from a sequence. */
  readonly draws: boolean;
  /** Its default gives each row a value of its own. */
  readonly varies: boolean;
}

export type ConstraintKind = 'check' | 'foreign' | 'unique' | 'primary' | 'exclude' | 'not-null';

export interface KnownConstraint {
  readonly kind: ConstraintKind;
  readonly columns: readonly string[];
  /** PostgreSQL's own node for it. */
  readonly definition: PgNode;
}

export interface KnownIndex {
  readonly unique: boolean;
  readonly table: string;
}

/**
 * What migrations say about the schema: enough to tell a constraint that code leans on from one that it does not. It is
 * knowledge, not truth: what it does not know is unknown, never absent.
 */
export class Catalog {
  readonly #tables = new Map<string, Map<string, Column>>();
  readonly #constraints = new Map<string, KnownConstraint>();
  readonly #indexes = new Map<string, KnownIndex>();
  readonly #objects = new Set<string>();
  readonly #strictDomains = new Set<string>();
  #gaps = false;
  /** Constraints dropped since `startRange`, by table. */
  #dropped = new Map<string, KnownConstraint[]>();

  /** From here on statements are judged, and what they drop is remembered for what they add. */
  startRange(): void {
    this.#dropped = new Map();
  }

  /** Something was done that could not be read: what is known of a column may be out of date. */
  noteGap(): void {
    this.#gaps = true;
  }

  get hasGaps(): boolean {
    return this.#gaps;
  }

  column(table: string, column: string): Column | undefined {
    return this.#tables.get(table)?.get(column);
  }

  constraint(table: string, name: string): KnownConstraint | undefined {
    return this.#constraints.get(`${table} ${name}`);
  }

  index(name: string): KnownIndex | undefined {
    return this.#indexes.get(name);
  }

  /** The table, view, sequence, type or function was made by a migration that was read. */
  knows(name: string): boolean {
    return this.#objects.has(name) || this.#tables.has(name);
  }

  /** A domain whose values may not be NULL, and that has no default. */
  isStrictDomain(type: string): boolean {
    return this.#strictDomains.has(type.includes('.') ? type : `public.${type}`);
  }

  /** The column alone is unique or a primary key. */
  isKey(table: string, column: string): boolean {
    return [...this.#constraints].some(
      ([name, {kind, columns}]) =>
        name.startsWith(`${table} `) &&
        /^(unique|primary)$/.test(kind) &&
        columns.length === 1 &&
        columns[0] === column,
    );
  }

  droppedConstraints(table: string): readonly KnownConstraint[] {
    return this.#dropped.get(table) ?? [];
  }

  /** Follows one statement. */
  learn({type, fields}: ParsedStatement): void {
    if (type === 'DoStmt' || type === 'CallStmt') this.noteGap();
    if (type === 'CreateStmt') this.#createTable(fields);
    else if (type === 'IndexStmt') this.#createIndex(fields);
    else if (type === 'AlterTableStmt')
      for (const {AlterTableCmd} of (fields['cmds'] ?? []) as Array<{AlterTableCmd: PgNode}>)
        this.learnCommand(relationName(fields['relation']), AlterTableCmd);
    else if (type === 'RenameStmt') this.#rename(fields);
    else if (type === 'DropStmt') this.#drop(fields);
    else if (type === 'CreateDomainStmt') this.#createDomain(fields);
    for (const name of madeBy(type, fields)) this.#objects.add(name);
  }

  /** Follows one subcommand of ALTER TABLE. */
  learnCommand(table: string, command: PgNode): void {
    const name = command['name'] as string;
    const definition = command['def']?.ColumnDef as PgNode | undefined;
    switch (command['subtype']) {
      case 'AT_AddColumn':
        if (definition && !(command['missing_ok'] && this.column(table, definition['colname'])))
          this.#addColumn(table, definition);
        return;
      case 'AT_AddConstraint':
        this.#addConstraint(table, command['def']?.Constraint ?? {});
        return;
      case 'AT_DropConstraint':
        this.#dropConstraint(table, name);
        return;
      case 'AT_DropColumn':
        this.#tables.get(table)?.delete(name);
        return;
      case 'AT_AlterColumnType':
        this.#change(table, name, {type: typeName(definition?.['typeName'])});
        return;
      case 'AT_ColumnDefault':
        this.#change(table, name, {
          hasDefault: command['def'] !== undefined && !isNull(command['def']),
          varies: differsByRow(command['def']),
          draws: functionsIn(command['def']).includes('nextval'),
        });
        return;
      case 'AT_AddIdentity':
        this.#change(table, name, {hasDefault: true, draws: true, varies: true});
        return;
      case 'AT_DropIdentity':
      case 'AT_DropExpression':
        this.#change(table, name, {hasDefault: false, draws: false, varies: false});
        return;
      case 'AT_SetNotNull':
        this.#change(table, name, {notNull: true});
        return;
      case 'AT_DropNotNull':
        this.#change(table, name, {notNull: false});
        return;
    }
  }

  #createTable(fields: PgNode): void {
    const table = relationName(fields['relation']);
    if (fields['if_not_exists'] && this.#tables.has(table)) return;
    this.#tables.set(table, new Map());
    for (const element of (fields['tableElts'] ?? []) as PgNode[])
      if (element['ColumnDef']) this.#addColumn(table, element['ColumnDef']);
    for (const element of (fields['tableElts'] ?? []) as PgNode[])
      if (element['Constraint']) this.#addConstraint(table, element['Constraint']);
  }

  #addColumn(table: string, definition: PgNode): void {
    const constraints = constraintsOf(definition);
    const has = (kind: string) => constraints.some((constraint) => constraint['contype'] === kind);
    const type = typeName(definition['typeName']);
    const fill = fillsWith(constraints);
    const numbers = /serial/.test(type) || has('CONSTR_IDENTITY');
    this.#set(table, definition['colname'], {
      type,
      draws: numbers || functionsIn(fill).includes('nextval'),
      varies: numbers || differsByRow(fill),
      notNull: numbers || has('CONSTR_NOTNULL') || has('CONSTR_PRIMARY'),
      hasDefault: numbers || has('CONSTR_GENERATED') || fill !== undefined,
    });
    for (const constraint of constraints) this.#addConstraint(table, constraint, definition['colname']);
  }

  #addConstraint(table: string, constraint: PgNode, column?: string): void {
    const kind = kinds[constraint['contype'] as string];
    if (!kind) return;
    const columns = column ? [column] : keysOf(constraint);
    const name = (constraint['conname'] as string | undefined) ?? defaultName(kind, table, columns);
    this.#constraints.set(`${table} ${name}`, {kind, columns, definition: constraint});
    if (kind === 'unique' || kind === 'primary') this.#indexes.set(beside(table, name), {unique: true, table});
    if (kind === 'primary') for (const key of columns) this.#change(table, key, {notNull: true});
    if (kind === 'not-null') for (const key of columns) this.#change(table, key, {notNull: true});
  }

  #dropConstraint(table: string, name: string): void {
    const known = this.constraint(table, name);
    if (!known) return;
    this.#constraints.delete(`${table} ${name}`);
    this.#indexes.delete(beside(table, name));
    this.#dropped.set(table, [...this.droppedConstraints(table), known]);
  }

  #createIndex(fields: PgNode): void {
    const table = relationName(fields['relation']);
    const columns = ((fields['indexParams'] ?? []) as PgNode[]).map((param) => param['IndexElem']?.name ?? 'expr');
    const name = (fields['idxname'] as string | undefined) ?? [bare(table), ...columns, 'idx'].join('_');
    this.#indexes.set(beside(table, name), {unique: fields['unique'] === true, table});
  }

  #createDomain(fields: PgNode): void {
    const constraints = constraintsOf(fields);
    const strict = constraints.some((constraint) => constraint['contype'] === 'CONSTR_NOTNULL');
    if (strict && fillsWith(constraints) === undefined) this.#strictDomains.add(objectName(fields['domainname']));
  }

  #rename(fields: PgNode): void {
    const table = relationName(fields['relation']);
    const to = fields['newname'] as string;
    if (fields['renameType'] === 'OBJECT_COLUMN') {
      const columns = this.#tables.get(table);
      const known = columns?.get(fields['subname']);
      columns?.delete(fields['subname']);
      if (known) columns?.set(to, known);
    } else if (fields['renameType'] === 'OBJECT_TABLE') this.#renameTable(table, beside(table, to));
    else if (fields['renameType'] === 'OBJECT_INDEX') this.#renameIndex(table, beside(table, to));
    else if (fields['renameType'] === 'OBJECT_TABCONSTRAINT')
      move(this.#constraints, `${table} ${fields['subname']}`, `${table} ${to}`);
  }

  #renameTable(from: string, to: string): void {
    move(this.#tables, from, to);
    for (const key of [...this.#constraints.keys()])
      if (key.startsWith(`${from} `)) move(this.#constraints, key, `${to} ${key.slice(from.length + 1)}`);
    for (const [name, index] of this.#indexes) if (index.table === from) this.#indexes.set(name, {...index, table: to});
  }

  #renameIndex(from: string, to: string): void {
    const table = this.#indexes.get(from)?.table;
    move(this.#indexes, from, to);
    if (table) move(this.#constraints, `${table} ${bare(from)}`, `${table} ${bare(to)}`);
  }

  #drop(fields: PgNode): void {
    for (const object of (fields['objects'] ?? []) as unknown[]) {
      const name = objectName(object);
      if (fields['removeType'] === 'OBJECT_INDEX') this.#indexes.delete(name);
      if (fields['removeType'] === 'OBJECT_TABLE') this.#tables.delete(name);
    }
  }

  #set(table: string, name: string, column: Column): void {
    const columns = this.#tables.get(table) ?? new Map<string, Column>();
    this.#tables.set(table, columns.set(name, column));
  }

  #change(table: string, name: string, change: Partial<Column>): void {
    const known = this.column(table, name);
    if (known) this.#set(table, name, {...known, ...change});
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

const suffixes: Readonly<Record<ConstraintKind, string>> = {
  check: 'check',
  foreign: 'fkey',
  unique: 'key',
  primary: 'pkey',
  exclude: 'excl',
  'not-null': 'not_null',
};

/** The name that PostgreSQL gives where none is given. */
function defaultName(kind: ConstraintKind, table: string, columns: readonly string[]): string {
  return [bare(table), ...(kind === 'primary' ? [] : columns), suffixes[kind]].join('_');
}

function bare(name: string): string {
  return name.split('.').at(-1)!;
}

/** Indexes, constraints and renamed tables live in the schema of their table. */
function beside(table: string, name: string): string {
  return `${table.split('.')[0]}.${name}`;
}

function move<T>(map: Map<string, T>, from: string, to: string): void {
  const value = map.get(from);
  map.delete(from);
  if (value !== undefined) map.set(to, value);
}

export function constraintsOf(definition: PgNode): PgNode[] {
  return ((definition['constraints'] ?? []) as PgNode[]).map((entry) => entry['Constraint']).filter(Boolean);
}

/** The expression that fills a column which an INSERT does not name; `DEFAULT NULL` fills nothing. */
export function fillsWith(constraints: readonly PgNode[]): PgNode | undefined {
  const expression = constraints.find((constraint) => constraint['contype'] === 'CONSTR_DEFAULT')?.['raw_expr'];
  return isNull(expression) ? undefined : expression;
}

/** The columns of a table constraint. */
export function keysOf(constraint: PgNode): string[] {
  return ((constraint['keys'] ?? constraint['fk_attrs'] ?? []) as PgNode[]).map((key) => key['String']?.sval as string);
}

/** The constraint says the same as the known one, whatever the two are called and wherever they are written. */
export function sameRule(known: KnownConstraint, constraint: PgNode): boolean {
  if (known.definition['contype'] !== constraint['contype']) return false;
  const body = ({conname: _n, keys: _k, fk_attrs: _f, initially_valid: _i, skip_validation: _s, ...rest}: PgNode) =>
    shapeOf(rest);
  return keysOf(constraint).join() === known.columns.join() && body(known.definition) === body(constraint);
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
    case 'CreateForeignTableStmt':
      return [relationName(fields['base']?.relation)];
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
      return [fields['schemaname']];
    default:
      return [];
  }
}
