import {randomUUID} from 'node:crypto';
import {join, resolve} from 'node:path';
import pg from 'pg';
import * as backup from '../../actions/backup/run.js';
import {spec as backupSpec} from '../../actions/backup/spec.js';
import * as deploy from '../../actions/deploy/run.js';
import {spec as deploySpec} from '../../actions/deploy/spec.js';
import * as gate from '../../actions/health-gate/run.js';
import {spec as gateSpec} from '../../actions/health-gate/spec.js';
import * as maintenance from '../../actions/maintenance/run.js';
import {spec as maintenanceSpec} from '../../actions/maintenance/spec.js';
import * as promote from '../../actions/promote/run.js';
import {spec as promoteSpec} from '../../actions/promote/spec.js';
import * as rebuild from '../../actions/rebuild/run.js';
import {spec as rebuildSpec} from '../../actions/rebuild/spec.js';
import * as recovery from '../../actions/recovery/run.js';
import {spec as recoverySpec} from '../../actions/recovery/spec.js';
import * as restore from '../../actions/restore/run.js';
import {spec as restoreSpec} from '../../actions/restore/spec.js';
import * as rollback from '../../actions/rollback/run.js';
import {spec as rollbackSpec} from '../../actions/rollback/spec.js';
import type {Ended, Terminal} from '../../src/cli/action.js';
import {secretVariable} from '../../src/cli/environment.js';
import {openFileStore} from '../../src/ledger/file-store.js';
import {names, secrets, startWorld, type World} from '../../src/rehearsal/world.js';
import {ledgerFile} from '../../src/release/ledger-file.js';
import {parseInputs} from '../../src/runner/inputs.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {ActionSpec} from '../../src/runner/spec.js';

const root = resolve(import.meta.dirname, '..', '..');

interface Action {
  readonly spec: ActionSpec;
  readonly run: (inputs: never, run: Run) => Promise<Report<ActionSpec>>;
}

const actions: Readonly<Record<string, Action>> = {
  backup: {spec: backupSpec, run: backup.run},
  deploy: {spec: deploySpec, run: deploy.run},
  'health-gate': {spec: gateSpec, run: gate.run},
  maintenance: {spec: maintenanceSpec, run: maintenance.run},
  promote: {spec: promoteSpec, run: promote.run},
  rebuild: {spec: rebuildSpec, run: rebuild.run},
  recovery: {spec: recoverySpec, run: recovery.run},
  restore: {spec: restoreSpec, run: restore.run},
  rollback: {spec: rollbackSpec, run: rollback.run},
} as never;

/** A product with one good release in its ledger and one set in its store, and what can be done to it. */
export interface Ground extends AsyncDisposable {
  readonly world: World;
  readonly env: Readonly<Record<string, string>>;
  readonly set: string;
  readonly logs: string[];
  /** What the database held when the set was made. */
  readonly content: string;
  readonly identity: string;
  terminal(): Terminal;
  /** Runs an action in this process, as the terminal command does in its own. */
  step(action: string, given: (name: string) => string | undefined, terminal: Terminal): Promise<Ended>;
  act(action: string, inputs: Readonly<Record<string, string>>): Promise<Ended>;
  /** The backend's deployment and the database are gone. */
  destroy(): Promise<void>;
  /** Everything at Railway is gone; `RAILWAY_TOKEN` opens an empty project from now on. @returns what is typed for it. */
  loseProject(): Promise<string>;
  contentNow(): Promise<string>;
  sql(text: string, database?: string): Promise<Array<Record<string, unknown>>>;
}

export async function startGround(config: Readonly<Record<string, unknown>> = {}): Promise<Ground> {
  const world = await startWorld(join(root, '.rehearsal'), {config});
  try {
    return await furnish(world);
  } catch (error) {
    await world.close();
    throw error;
  }
}

async function furnish(world: World): Promise<Ground> {
  const commit = world.product.commits.v1;
  const env: Record<string, string> = {
    GITHUB_WORKSPACE: world.product.dir,
    GITHUB_REPOSITORY: `${names.owner}/${names.repository}`,
    GITHUB_SHA: commit,
    PATH: process.env['PATH'] ?? '',
    SWITCHBACK_LEDGER: 'file:ledger.jsonl',
    VERCEL_TOKEN: secrets.vercelToken,
    RAILWAY_TOKEN: secrets.railwayToken,
    DATABASE_URL: world.databaseUrl,
    BACKUP_ACCESS_KEY_ID: secrets.accessKeyId,
    BACKUP_SECRET_ACCESS_KEY: secrets.secretAccessKey,
    BACKUP_PRIVATE_KEY: world.keys.privateKey,
  };
  const logs: string[] = [];
  const step: Ground['step'] = (action, given, {env: own, signal}) => perform(action, given, own, signal, logs);
  const terminal = (): Terminal => ({
    console: {
      line: (text) => void logs.push(text),
      alert: (_level, text) => void logs.push(text),
      result: (text) => void logs.push(text),
      during: (_title, work) => work(),
      live: (_title, work) => work(),
      heading: (text) => void logs.push(text.trim()),
      hide: () => {},
    },
    env,
    signal: new AbortController().signal,
  });
  await recordGood(world);
  const act: Ground['act'] = (action, inputs) => step(action, (name) => inputs[name], terminal());
  const sql = async (text: string, database = 'shop') => {
    const client = new pg.Client({connectionString: world.postgres.urlOf(database)});
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text)).rows as Array<Record<string, unknown>>;
    } finally {
      await client.end();
    }
  };
  const made = await act('backup', {reason: 'test'});
  if (made.failure) throw made.failure;
  const contentNow = async () => JSON.stringify(await sql('SELECT id, name FROM items ORDER BY id'));
  const [system] = await sql('SELECT system_identifier::text AS id FROM pg_control_system()', 'postgres');
  return {
    world,
    env,
    logs,
    set: made.outputs['set-id']!,
    content: await contentNow(),
    identity: `shop@${system!['id']}`,
    terminal,
    step,
    act,
    contentNow,
    sql,
    destroy: async () => {
      await removeBackend(world);
      await sql('DROP DATABASE IF EXISTS shop WITH (FORCE)', 'postgres');
    },
    loseProject: async () => {
      await world.railway.deleteProject();
      await sql('DROP DATABASE IF EXISTS shop WITH (FORCE)', 'postgres');
      const [projectId, token] = [randomUUID(), `rebuilt-token-${randomUUID()}`];
      world.railway.createProject({projectId, environmentId: randomUUID(), name: 'spare', tokens: {project: token}});
      env['RAILWAY_TOKEN'] = token;
      return `spare@${projectId}`;
    },
    [Symbol.asyncDispose]: () => world.close(),
  };
}

async function perform(
  name: string,
  given: (name: string) => string | undefined,
  env: Terminal['env'],
  signal: AbortSignal,
  logs: string[],
): Promise<Ended> {
  const {spec, run} = actions[name]!;
  const read = (input: string) => (spec.inputs[input]?.secret ? env[secretVariable(input)] : given(input));
  const {inputs} = parseInputs(spec, read);
  const state = new Map<string, string>();
  const runner: Run = {
    signal,
    env,
    log: (line) => void logs.push(line),
    debug: () => {},
    annotate: ({message}) => void logs.push(message),
    group: (_title, work) => work(),
    mask: () => {},
    maskFound: () => {},
    saveState: (key, value) => void state.set(key, value),
    state: (key) => state.get(key) ?? '',
    isPost: false,
  };
  const report = await run(inputs as never, runner);
  const outputs = Object.entries(report.outputs).filter((entry) => entry[1] !== undefined);
  return {
    outputs: Object.fromEntries(outputs.map(([key, value]) => [key, String(value)])),
    ...(report.summary && {summary: report.summary}),
    ...(report.failure && {failure: report.failure}),
  };
}

/** What a release that ended well leaves in the ledger; the deployments are those that are live. */
async function recordGood(world: World): Promise<void> {
  const frontend = world.vercel.state().projects[0]!.hosts[0]!.deploymentId!;
  const backend = liveBackend(world)!;
  const store = openFileStore(ledgerFile(join(world.product.dir, 'ledger.jsonl')), Date.now, () => {});
  const commit = world.product.commits.v1;
  const {id} = await store.open({release: 'r-good', commit, anchors: {}});
  await store.append(id, 'deployed', {backend});
  await store.append(id, 'promoted', {frontend, backend});
  await store.append(id, 'good');
}

export function liveBackend(world: World): string | undefined {
  return world.railway.state().services[0]?.servingDeploymentId;
}

async function removeBackend(world: World): Promise<void> {
  const id = liveBackend(world);
  const answer = await fetch(`${world.railway.url}/graphql/v2?op=remove`, {
    method: 'POST',
    headers: {'content-type': 'application/json', 'project-access-token': secrets.railwayToken},
    body: JSON.stringify({query: 'mutation($id: String!) { deploymentRemove(id: $id) }', variables: {id}}),
  });
  const body = (await answer.json()) as {errors?: unknown};
  if (body.errors) throw new Error(JSON.stringify(body.errors));
}
