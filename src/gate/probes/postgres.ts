import {performance} from 'node:perf_hooks';
import type {Client, ClientConfig} from 'pg';
import {type CheckDefinition, defaultTimeoutMs} from '../policy.js';
import {shortfall} from './expectation.js';
import {classOfCode, type Probe, type ProbeContext, ProbeError, type ProbeResult, resultOf} from './probe.js';

/** Tables in which the usual tools note their migrations, and the column that names the newest. */
const migrationTables: ReadonlyArray<readonly [table: string, query: string]> = [
  [
    '_prisma_migrations',
    'select migration_name as head from _prisma_migrations where finished_at is not null order by finished_at desc, migration_name desc limit 1',
  ],
  ['knex_migrations', 'select name as head from knex_migrations order by id desc limit 1'],
  ['pgmigrations', 'select name as head from pgmigrations order by id desc limit 1'],
  ['schema_migrations', 'select version::text as head from schema_migrations order by version desc limit 1'],
  [
    'flyway_schema_history',
    'select version as head from flyway_schema_history where success order by installed_rank desc limit 1',
  ],
  ['alembic_version', 'select version_num as head from alembic_version limit 1'],
  ['django_migrations', "select app || '.' || name as head from django_migrations order by id desc limit 1"],
  [
    'drizzle.__drizzle_migrations',
    'select hash as head from drizzle.__drizzle_migrations order by created_at desc limit 1',
  ],
];

/** Connects over TLS, asks one query, and compares the newest migration. The address comes from a variable. */
export const probePostgres: Probe = async (check, context) => {
  const address = check['url-env'] ? context.secret(check['url-env']) : (context.side.urls.database ?? '');
  try {
    return await connectAndAsk(check, address, context);
  } catch (error) {
    return resultOf(error, context.redact);
  }
};

async function connectAndAsk(check: CheckDefinition, address: string, context: ProbeContext): Promise<ProbeResult> {
  const timeoutMs = check.timeout ?? defaultTimeoutMs;
  const {config, shown} = configOf(address, timeoutMs, context);
  const {Client: PgClient} = await import('pg').then((module) => module.default);
  const client = new PgClient(config);
  // A connection that breaks later must not end the process.
  client.on('error', () => undefined);
  const startedMs = performance.now();
  const facts = (): Partial<ProbeResult> => ({request: shown, latencyMs: performance.now() - startedMs});
  try {
    return await within(timeoutMs, context.signal, facts, async () => {
      await client.connect();
      const lack = (await queryLack(check, client)) ?? (await migrationLack(check, client));
      return lack
        ? {outcome: 'failed', ...facts(), ...lack, detail: context.redact(`expected ${lack.expected}, got ${lack.got}`)}
        : {outcome: 'ok', ...facts()};
    });
  } catch (error) {
    throw error instanceof ProbeError ? error : pgError(error as Error & {code?: string}, facts());
  } finally {
    client.end().catch(() => undefined);
  }
}

/** Without `sslmode` a database elsewhere is reached over TLS; its certificate is checked only on `verify-…`, as libpq does. */
function configOf(address: string, timeoutMs: number, {ca}: ProbeContext): {config: ClientConfig; shown: string} {
  if (!URL.canParse(address) || !/^postgres(ql)?:$/.test(new URL(address).protocol))
    throw new ProbeError('local', 'the database address is no postgres:// address');
  const url = new URL(address);
  const local = /^(localhost|127\.|\[?::1)/.test(url.hostname) || url.hostname === '';
  const mode = url.searchParams.get('sslmode') ?? (local ? 'disable' : 'require');
  if (!/^(disable|allow|prefer|require|verify-ca|verify-full)$/.test(mode))
    throw new ProbeError('local', 'the database address has an unknown sslmode');
  const ssl = mode === 'disable' ? false : {rejectUnauthorized: mode.startsWith('verify'), ...(ca ? {ca} : {})};
  const config: ClientConfig = {
    host: decodeURIComponent(url.hostname.replace(/^\[|\]$/g, '')) || url.searchParams.get('host') || 'localhost',
    port: Number(url.port) || 5432,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    ssl,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    application_name: 'switchback-gate',
  };
  return {config, shown: `PostgreSQL ${url.hostname}:${config.port}/${config.database}`};
}

function within<T>(
  ms: number,
  signal: AbortSignal,
  facts: () => Partial<ProbeResult>,
  work: () => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new ProbeError('timeout', `no answer from the database within ${ms} ms`, facts())),
      ms,
    );
    const onAbort = () => reject(new ProbeError('local', 'stopped by the gate'));
    signal.addEventListener('abort', onAbort, {once: true});
    if (signal.aborted) onAbort();
    work()
      .then(resolve, reject)
      .finally(() => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      });
  });
}

type Lack = Pick<ProbeResult, 'class' | 'expected' | 'got'>;

async function queryLack(check: CheckDefinition, client: Client): Promise<Lack | undefined> {
  const {rows} = await client.query<Record<string, unknown>>(check.query ?? 'select 1 as ok');
  if (rows.length === 0) return {class: 'assertion', expected: 'one row', got: 'none'};
  const rules = check.expect?.json;
  if (!rules?.length) return undefined;
  const body = Buffer.from(JSON.stringify(rows[0]));
  return shortfall(
    {status: 200, headers: {}, body, bodyBytes: body.length, latencyMs: 0},
    {json: rules},
    {url: new URL('http://database.invalid')},
  );
}

async function migrationLack(check: CheckDefinition, client: Client): Promise<Lack | undefined> {
  const wanted = check['migration-head'];
  if (wanted === undefined) return undefined;
  const heads: string[] = [];
  for (const [table, query] of migrationTables) {
    const known = await client.query<{found: boolean}>('select to_regclass($1) is not null as found', [table]);
    if (!known.rows[0]?.found) continue;
    const {rows} = await client.query<{head: string | null}>(query);
    if (rows[0]?.head) heads.push(rows[0].head);
  }
  if (heads.includes(wanted)) return undefined;
  return {
    class: 'assertion',
    expected: `${wanted} as the newest migration`,
    got: heads.join(', ') || 'no known table of migrations',
  };
}

/** A refusal by the server carries an SQLSTATE of five characters; everything else is a matter of the network. */
function pgError(error: Error & {code?: string}, facts: Partial<ProbeResult>): ProbeError {
  const isState = /^[0-9A-Z]{5}$/.test(error.code ?? '') && !/^E[A-Z]{4}$/.test(error.code ?? '');
  if (isState)
    return new ProbeError(
      /^(08|53|57)/.test(error.code!) ? 'connect' : 'assertion',
      `the database refused: ${error.message} (${error.code})`,
      facts,
    );
  if (/timeout/i.test(error.message)) return new ProbeError('timeout', error.message, facts);
  if (/SSL|certificate/i.test(error.message)) return new ProbeError('tls', error.message, facts);
  return new ProbeError(error.code ? classOfCode(error.code) : 'connect', error.message || 'connection failed', facts);
}
