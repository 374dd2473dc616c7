import {formatDuration} from '../kernel/duration.js';
import {Failure} from '../kernel/errors.js';
import {backoff, retry} from '../kernel/retry.js';
import {factOf} from '../ledger/history.js';
import type {ReleaseRecord} from '../ledger/record.js';
import type {PlatformCall} from '../platforms/platform.js';
import type {Construction} from '../platforms/railway/construction.js';
import {urlOf} from '../platforms/railway/service-state.js';
import type {Settings} from '../platforms/railway/settings.js';
import type {VercelExtras} from '../platforms/vercel/vercel.js';
import {type Connection, parseConnection, secretsOf} from '../postgres/connection.js';
import {readDatabaseState} from '../postgres/database-note.js';
import {dropDatabase} from '../postgres/restore.js';
import {openSession} from '../postgres/session.js';
import {type DatabaseReturned, returnDatabase} from './database-restore.js';
import type {LedgerAccess} from './ledger-access.js';
import {frontendVariables, keepsAddress, type RebuildPlan} from './rebuild-plan.js';
import type {OpenedSet} from './recovery-check.js';
import {readRecoveryMark} from './recovery-mark.js';
import {releaseId} from './release-id.js';
import {identityOf, lookAtTarget, maintenanceOf} from './restore-target.js';
import {releases} from './rollback-targets.js';

/**
 * The backend and its database, made again in an empty Railway project: services, the restored database, the address,
 * and the frontend's variables that name it. Deploying is left to the ordinary steps. Each part looks first what an
 * earlier run of the same recovery made, so that a killed one is taken up.
 */
export interface RebuildRequest {
  readonly construction: Construction;
  readonly frontend: VercelExtras | undefined;
  /** Templates of the frontend's variables, by name. */
  readonly frontendVariables: Readonly<Record<string, string>>;
  /** Id of the recovery: the maintenance window it happens in. */
  readonly recovery: string;
  readonly service: string;
  /** The configured address of the backend. */
  readonly url: string;
  readonly settings: Settings;
  readonly plan: RebuildPlan;
  readonly opened: OpenedSet;
  readonly series: {readonly project: string; readonly environment: string};
  readonly owners: 'keep' | 'drop';
  readonly timeoutMs: number;
  /** How long people have to set DNS records. */
  readonly dnsTimeoutMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly call: PlatformCall;
  readonly mask: (value: string) => void;
}

export interface Rebuilt {
  readonly url: string;
  readonly records: Awaited<ReturnType<Construction['domains']>>['records'];
  readonly database: Pick<DatabaseReturned, 'database' | 'restored' | 'inPlaceAtMs'>;
  readonly databaseService: string;
  /** Variables of the frontend that name the new address. */
  readonly repointed: readonly string[];
  readonly durationMs: Readonly<Record<'database' | 'restore' | 'service' | 'domains' | 'frontend', number>>;
}

export async function rebuildBackend(request: RebuildRequest): Promise<Rebuilt> {
  const {construction, call, plan, recovery: owner, settings} = request;
  const watch = stopwatch();
  call.progress(`Making the PostgreSQL service ${plan.database}.`);
  const major = request.opened.manifest.database!.serverMajor;
  const made = await construction.database(
    {name: plan.database, major, owner},
    {...call, timeoutMs: request.timeoutMs},
  );
  const connection = parseConnection(made.url);
  secretsOf(connection).forEach(request.mask);
  await untilAnswering(connection, call);
  watch.lap('database');
  const database = await restore(request, connection);
  watch.lap('restore');
  call.progress(`Making the service ${request.service} with the settings of the set.`);
  const {variables, sharedVariables} = plan;
  const service = await construction.service(
    {name: request.service, settings, variables, sharedVariables, owner},
    call,
  );
  watch.lap('service');
  const {url, records} = await address(request, service.serviceId);
  watch.lap('domains');
  const repointed = await repoint(request, url);
  watch.lap('frontend');
  return {url, records, database, databaseService: plan.database, repointed, durationMs: watch.laps};
}

function stopwatch() {
  const laps = {database: 0, restore: 0, service: 0, domains: 0, frontend: 0};
  let lastMs = Date.now();
  const lap = (name: keyof typeof laps) => {
    laps[name] = Date.now() - lastMs;
    lastMs = Date.now();
  };
  return {laps, lap};
}

/** The platform calls the image's container good while its first start still prepares the server. */
async function untilAnswering(live: Connection, {signal, progress}: PlatformCall): Promise<void> {
  const server = maintenanceOf(live);
  const onRetry = (failure: Failure, waitMs: number) =>
    progress(`${failure.message}; looking again in ${formatDuration(waitMs)}.`);
  await retry({delaysMs: backoff(20, 500, 10_000), signal, onRetry}, async () => {
    await using session = await openSession(server, {signal});
    await session.query('SELECT 1');
  });
}

async function restore(request: RebuildRequest, live: Connection): Promise<DatabaseReturned> {
  const {opened, series, recovery, owners, env, call} = request;
  const {store, manifest, keys} = opened;
  await clearUntouched(live, recovery, call);
  // Nobody can type the identity of a server that was made a moment ago: that it is ours and empty was looked at.
  const {live: facts} = await lookAtTarget(
    {mode: 'in-place', targetUrl: undefined, database: undefined},
    live,
    manifest,
    call.signal,
  );
  return returnDatabase({
    mode: 'in-place',
    store,
    series,
    manifest,
    keys,
    recipients: () => Promise.reject(new Error('nothing is taken from an empty server')),
    live,
    targetUrl: undefined,
    database: undefined,
    confirm: identityOf(facts!),
    recovery,
    takeSafetySet: false,
    owners,
    env,
    signal: call.signal,
    log: call.progress,
    // A half-made one on the new server is dropped by the run that goes on.
    onDatabase: () => undefined,
  });
}

/**
 * The image makes the database empty; the restored one takes its name. One that holds anything and was not restored by
 * this recovery is somebody's.
 */
export async function clearUntouched(
  live: Connection,
  recovery: string,
  {signal, progress}: PlatformCall,
): Promise<void> {
  const server = maintenanceOf(live);
  const state = await readDatabaseState(server, live.database, signal);
  if (!state.exists || readRecoveryMark(state.note)?.recovery === recovery) return;
  if ((await relations(live, signal)) > 0)
    throw new Failure('REBUILD_NOT_EMPTY', `The database ${live.database} of the new server holds tables already`, {
      remedy: 'Drop it when nobody needs it, or rebuild into another empty project; then run again.',
    });
  progress(`The database ${live.database} that the image made is empty and gives its name to the restored one.`);
  await dropDatabase(server, live.database);
}

/** Tables and views of people; what an extension of the image brought along is nobody's data. */
async function relations(connection: Connection, signal: AbortSignal): Promise<number> {
  await using session = await openSession(connection, {signal});
  const [row] = await session.query<{count: string}>(
    `SELECT count(*)::text AS count FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`,
  );
  return Number(row?.count ?? 0);
}

/** The backend's address; the configured one only once its records lead to the new project. */
async function address(request: RebuildRequest, serviceId: string): Promise<Pick<Rebuilt, 'url' | 'records'>> {
  const {construction, settings, call} = request;
  const keeps = keepsAddress(settings, request.url);
  const configured = new URL(request.url).host;
  const untilMs = Date.now() + request.dnsTimeoutMs;
  for (let told = false; ; told = true) {
    const {hosts, records} = await construction.domains(serviceId, settings.domains, call);
    const open = records.filter((record) => !record.verified);
    if (!keeps) return {url: urlOf(newHost(hosts)), records};
    if (!open.some(({host}) => host === configured)) return {url: request.url, records};
    const lines = open.map(({type, name, value}) => `${type} ${name} -> ${value}`);
    if (!told)
      call.progress(
        `Set these DNS records now; waiting for up to ${formatDuration(request.dnsTimeoutMs)}: ${lines.join('; ')}`,
      );
    if (Date.now() > untilMs)
      throw new Failure('REBUILD_DNS', `${configured} does not lead to the new project yet:\n- ${lines.join('\n- ')}`, {
        remedy: 'Set these records where the domain is managed, then run again: what is done is only verified.',
      });
    await new Promise((resolve) => setTimeout(resolve, Math.min(15_000, request.dnsTimeoutMs / 10)));
    call.signal.throwIfAborted();
  }
}

function newHost(hosts: Awaited<ReturnType<Construction['domains']>>['hosts']): string {
  const host = (hosts.find(({kind}) => kind === 'service') ?? hosts[0])?.host;
  if (host) return host;
  throw new Failure('REBUILD_ADDRESS', 'The new service has no public address', {
    remedy: 'Generate a domain in its settings on Railway, then run again.',
  });
}

async function repoint({frontend, frontendVariables: templates, call}: RebuildRequest, url: string): Promise<string[]> {
  const names = Object.keys(templates);
  if (!frontend || names.length === 0) return [];
  call.progress(`The frontend's variables ${names.join(', ')} get the address ${url}.`);
  await frontend.setVariables(frontendVariables(templates, url), call);
  return names;
}

/** The ledger's record of what a rebuild releases; a run that follows a killed one goes on with its record. */
export async function openRebuildRecord(
  ledger: LedgerAccess,
  window: ReleaseRecord,
  commit: string,
): Promise<ReleaseRecord> {
  const known = (await releases(ledger.store, 10)).find((record) => factOf(record, 'rebuild') === window.release);
  if (known) return known;
  const {frontend} = window.anchors;
  const record = await ledger.open({
    release: releaseId(Date.now(), commit),
    commit,
    anchors: frontend ? {frontend} : {},
  });
  await ledger.append(record.id, 'note', {rebuild: window.release});
  return record;
}
