import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fakeClock} from '../../src/kernel/clock.js';
import type {Anchor} from '../../src/platforms/platform.js';
import {openVercelDeployer} from '../../src/platforms/vercel/deployer.js';
import type {VercelOptions} from '../../src/platforms/vercel/vercel.js';
import {
  type ProjectOptions,
  startVercel,
  type VercelStandIn,
  type VercelStandInOptions,
} from '../../src/rehearsal/vercel/stand-in.js';

export const token = 'vcp_token_of_the_team';
export const team = {id: 'team_acme', slug: 'acme'};
export const oldCommit = 'a'.repeat(40);
export const commit = 'c'.repeat(40);

export interface VercelWorld extends AsyncDisposable {
  readonly standIn: VercelStandIn;
  readonly clock: ReturnType<typeof fakeClock>;
  /** The deployment that was live before the story begins. */
  readonly former: string;
  /** A folder to deploy. */
  readonly folder: string;
  open(options?: Partial<VercelOptions>): ReturnType<typeof openVercelDeployer>;
  call(more?: {signal?: AbortSignal; timeoutMs?: number}): {
    signal: AbortSignal;
    progress: (line: string) => void;
    timeoutMs: number;
  };
  /** Lines told to `progress` so far. */
  readonly lines: string[];
  /** `METHOD /path` of the API requests so far. */
  routes(): string[];
  served(): Array<string | undefined>;
  anchor(): Anchor;
}

/** A stand-in with one project and one live deployment, on the same clock as the adapter: nothing waits really. */
export async function vercelWorld(
  project: Partial<ProjectOptions> = {},
  more: Partial<VercelStandInOptions> = {},
): Promise<VercelWorld> {
  const clock = fakeClock();
  const standIn = await startVercel({
    token,
    team,
    projects: [{id: 'prj_shop', name: 'shop', productionHosts: 2, ...project}],
    now: () => clock.now(),
    ...more,
  });
  const files = {'index.html': '<h1>former</h1>', 'app.js': 'former'};
  const former = await standIn.seed({projectId: 'prj_shop', files, promoted: true, commit: oldCommit});
  clock.advance(1_000);
  const folder = await mkdtemp(join(tmpdir(), 'vercel-world-'));
  await lay(folder, {'index.html': '<h1>shop</h1>', 'app.js': 'console.log(1)'});
  const lines: string[] = [];
  return {
    standIn,
    clock,
    former,
    folder,
    lines,
    open: (options = {}) =>
      openVercelDeployer(
        {token, project: 'prj_shop', team: team.id, apiUrl: standIn.url, ...options},
        {clock, random: () => 0.5},
      ),
    call: ({signal = new AbortController().signal, timeoutMs = 600_000} = {}) => ({
      signal,
      timeoutMs,
      progress: (line) => void lines.push(line),
    }),
    routes: () => standIn.requests.map(({method, path}) => `${method} ${path}`),
    served: () => [...new Set(standIn.state().projects[0]!.hosts.map((host) => host.deploymentId))],
    anchor: () => ({
      component: 'frontend',
      platform: 'vercel',
      deploymentId: former,
      hosts: standIn.productionHosts('prj_shop'),
      createdAtMs: 0,
      readAtMs: 0,
      restorable: {by: 'rollback'},
    }),
    [Symbol.asyncDispose]: async () => {
      await standIn.close();
      await rm(folder, {recursive: true, force: true});
    },
  };
}

/** Writes files by relative path. */
export async function lay(folder: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), {recursive: true});
    await writeFile(join(folder, name), content);
  }
}
