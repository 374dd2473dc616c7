import {createHash} from 'node:crypto';
import {test} from '@jest/globals';
import {
  type ProjectOptions,
  type Snapshot,
  startVercel,
  type VercelStandIn,
  type VercelStandInOptions,
} from '../../src/rehearsal/vercel/stand-in.js';

/** What the stand-in has to do, row by row; a test names the row that it covers. */
export const rows = [
  'any request',
  'POST /v2/files',
  'POST /v13/deployments',
  'production READY, auto-assign on',
  'production READY, otherwise',
  'GET /v13/deployments/{id, host, alias}',
  'GET /v6 and /v7 deployments',
  'PATCH cancel',
  'DELETE deployment',
  'GET events',
  'POST promote',
  'POST rollback',
  'GET promote and rollback aliases',
  'GET and PATCH project',
  'POST deployment aliases',
  'GET aliases',
  'DELETE alias',
  'project domains',
  'pause and unpause',
  'env',
  'protection-bypass',
  'rolling-release',
  'edge: files',
  'edge: hosts',
  'edge: protection',
  'edge: health',
  'fault injection',
  'journal',
  'checks',
  'builds, files, runtime logs',
  'account and teams',
  'outcome: ready',
  'outcome: error',
  'outcome: canceled',
  'outcome: blocked',
  'outcome: stuck',
  'outcome: alias-error',
  'outcome: check-failed',
  'clock',
  'maintenance: promoted page',
  'maintenance: alias swap',
  'maintenance: pause',
] as const;

export type Row = (typeof rows)[number];

export const covered = new Map<Row, number>();

const team = {id: 'team_acme', slug: 'acme'};

interface Answer {
  readonly status: number;
  // Answers are read as loosely as the tests need; the SDK's tests hold their shapes.
  readonly body: any;
  readonly headers: Headers;
}

/** A stand-in whose time stands still, with one project, two domains and two former releases. */
export interface Rig {
  readonly vercel: VercelStandIn;
  readonly first: string;
  readonly live: string;
  readonly hosts: readonly string[];
  call(line: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Makes a deployment and returns its id; `settled` lets time pass until it has ended. */
  deploy(body?: Record<string, unknown>, settled?: boolean): Promise<string>;
  project(): Snapshot['projects'][number];
  deployment(id: string): Snapshot['deployments'][number];
  /** Body of a page at a host, with its status: `200 text`. */
  page(host: string, path?: string, headers?: Record<string, string>): Promise<string>;
}

export interface RigOptions {
  readonly project?: Partial<ProjectOptions>;
  readonly stand?: Partial<VercelStandInOptions>;
}

/** One test of one row. */
export function row(name: Row, what: string, body: (rig: Rig) => Promise<void>, options: RigOptions = {}): void {
  covered.set(name, (covered.get(name) ?? 0) + 1);
  test(`${name}: ${what}`, async () => {
    const vercel = await startVercel({
      token: 'token',
      team,
      manual: true,
      teamDomains: ['example.com'],
      projects: [
        {id: 'prj_shop', name: 'shop', productionHosts: 2, ...options.project},
        {id: 'prj_other', name: 'other'},
      ],
      ...options.stand,
    });
    try {
      await body(await rigOf(vercel));
    } finally {
      await vercel.close();
    }
  });
}

async function rigOf(vercel: VercelStandIn): Promise<Rig> {
  const first = await vercel.seed({projectId: 'shop', files: {'index.html': 'first'}, promoted: true});
  const live = await vercel.seed({projectId: 'shop', files: {'index.html': 'live'}, promoted: true});
  const call: Rig['call'] = (line, body, headers) => request(vercel, line, body, headers);
  return {
    vercel,
    first,
    live,
    hosts: vercel.productionHosts('shop'),
    call,
    deploy: async (body = {}, settled = true) => {
      const made = await call('POST /v13/deployments', {name: 'shop', target: 'production', files: sources, ...body});
      if (made.status !== 200) throw new Error(`${made.status} ${JSON.stringify(made.body)}`);
      if (settled) vercel.advance(10_000);
      return made.body.id as string;
    },
    project: () => vercel.state().projects.find((one) => one.id === 'prj_shop')!,
    deployment: (id) => vercel.state().deployments.find((one) => one.id === id)!,
    page: async (host, path = '/', headers = {}) => {
      const answer = await fetch(`http://${host}${path}`, {headers, redirect: 'manual'});
      return `${answer.status} ${await answer.text()}`;
    },
  };
}

export const sources = [
  {file: 'index.html', data: 'new'},
  {file: 'app.js', data: '1'},
];

export const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

// Every call is within the team unless the line says something about the team itself.
async function request(
  vercel: VercelStandIn,
  line: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const [method, path] = line.split(' ') as [string, string];
  const scoped = /[?&](teamId|slug)=|[?&]noTeam/.test(path)
    ? path
    : `${path}${path.includes('?') ? '&' : '?'}teamId=${team.id}`;
  const content = body === undefined ? {} : {body: typeof body === 'string' ? body : JSON.stringify(body)};
  const type = typeof body === 'string' ? 'application/octet-stream' : 'application/json';
  const answer = await fetch(vercel.url + scoped, {
    method,
    ...content,
    headers: {authorization: 'Bearer token', ...(body === undefined ? {} : {'content-type': type}), ...headers},
  });
  const text = await answer.text();
  return {
    status: answer.status,
    body:
      answer.headers.get('content-type')?.includes('json') && !answer.headers.get('content-type')?.includes('stream')
        ? JSON.parse(text)
        : text,
    headers: answer.headers,
  };
}
