import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from '@jest/globals';
import {fakeClock} from '../../src/kernel/clock.js';
import {Failure} from '../../src/kernel/errors.js';
import type {Anchor} from '../../src/platforms/platform.js';
import {openVercelDeployer} from '../../src/platforms/vercel/deployer.js';
import type {VercelOptions} from '../../src/platforms/vercel/vercel.js';
import {type Answer, anchorId, candidateId, deployment, type Scripted, startScripted} from './vercel-scripted.js';

/**
 * Every state and answer that the platform's notes list, with the result, the message and the number of requests it
 * must lead to. Requests are all but uploads and the build log's stream, whose number depends on timing.
 */
interface Row {
  readonly rule: string;
  readonly set?: (server: Scripted) => void;
  readonly options?: Partial<VercelOptions>;
  /** Subset of the result; or the failure's code and words of its message and remedy. */
  readonly result?: unknown;
  readonly failure?: readonly [code: string, message: RegExp, remedy: RegExp];
  readonly requests: number;
  /** Writes as `POST /path`, uploads left out. */
  readonly writes?: readonly string[];
}

const commit = 'c'.repeat(40);
const promoteCall = `POST /v10/projects/prj_shop/promote/${candidateId}`;
const rollbackCall = `POST /v1/projects/prj_shop/rollback/${anchorId}`;
const promoteAnchorCall = `POST /v10/projects/prj_shop/promote/${anchorId}`;
const createCall = 'POST /v13/deployments';

let server: Scripted;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vercel-states-'));
  await writeFile(join(folder, 'app.js'), 'console.log(1)');
});
afterAll(() => rm(folder, {recursive: true, force: true}));
beforeEach(async () => {
  server = await startScripted();
});
afterEach(() => server.close());

const open = (options: Partial<VercelOptions> = {}) =>
  openVercelDeployer(
    {token: 't0ken', project: 'shop', team: 'acme', apiUrl: server.url, ...options},
    {clock: fakeClock(), random: () => 0.5},
  );
type Opened = ReturnType<typeof open>;

function call() {
  return {signal: new AbortController().signal, progress: () => undefined, timeoutMs: 600_000};
}

async function check(row: Row, act: (vercel: Opened) => Promise<unknown>): Promise<void> {
  row.set?.(server);
  const ended = await act(open(row.options)).then(
    (result) => ({result, error: undefined}),
    (error: unknown) => ({result: undefined, error}),
  );
  if (row.failure) expectFailure(ended.error, row.failure);
  else {
    expect(ended.error).toBeUndefined();
    expect(ended.result).toMatchObject(row.result as object);
  }
  const counted = server.requests.filter(({path}) => path !== '/v2/files' && !path.endsWith('/events'));
  const writes = counted.filter(({method}) => method !== 'GET').map(({method, path}) => `${method} ${path}`);
  if (row.writes) expect(writes).toEqual(row.writes);
  expect(counted.length).toBe(row.requests);
}

function expectFailure(error: unknown, [code, message, remedy]: NonNullable<Row['failure']>): void {
  expect(error).toBeInstanceOf(Failure);
  const failure = error as Failure;
  expect(failure.code).toBe(code);
  expect(failure.message).toMatch(message);
  expect(failure.remedy).toMatch(remedy);
}

/** Answers with the refusal `times` times, then as built in. */
const refuse =
  (route: string, answer: Answer, times = Number.POSITIVE_INFINITY) =>
  (scripted: Scripted) => {
    let left = times;
    scripted.answers.set(route, () => (left-- > 0 ? answer : undefined));
  };
const error = (status: number, code: string, message: string, extra: Record<string, unknown> = {}): Answer => [
  status,
  {error: {code, message, ...extra}},
];
const states =
  (...list: Scripted['states']) =>
  (scripted: Scripted) => {
    scripted.states = list;
  };
const and =
  (...steps: Array<(scripted: Scripted) => unknown>) =>
  (scripted: Scripted) => {
    for (const step of steps) step(scripted);
  };
const gatewayPage: Answer = [502, '<html>bad gateway</html>', {'content-type': 'text/html'}];

describe('deployment states', () => {
  const ready = {outcome: 'ready', staged: true, adopted: false, deploymentId: candidateId};
  const twice = [createCall, createCall];
  const rows: Row[] = [
    {rule: 'READY as staged production is ready', result: ready, requests: 7, writes: twice},
    {
      rule: 'INITIALIZING, ANALYZING and DEPLOYING are on the way',
      set: states('INITIALIZING', 'ANALYZING', 'DEPLOYING', 'READY'),
      result: ready,
      requests: 8,
    },
    {
      rule: 'STAGED is not served yet',
      set: states({readyState: 'READY', readySubstate: 'STAGED', aliasAssigned: true}),
      result: ready,
      requests: 5,
    },
    {
      rule: 'PROMOTED already has traffic and is said so',
      set: states({readyState: 'READY', readySubstate: 'PROMOTED'}),
      result: {outcome: 'ready', staged: false, warnings: [expect.stringMatching(/was not staged/)]},
      requests: 5,
    },
    {
      rule: 'ROLLING has a part of the traffic',
      set: states({readyState: 'READY', readySubstate: 'ROLLING'}),
      result: {outcome: 'ready', staged: false},
      requests: 5,
    },
    {
      rule: 'ERROR quotes the step, the code and the end of the error output',
      set: (s) => {
        states({
          readyState: 'ERROR',
          errorCode: 'BUILD_FAILED',
          errorMessage: 'Command "npm run build" exited with 1',
          errorStep: 'buildStep',
        })(s);
        s.events = [
          {type: 'stdout', date: 1, text: 'vite build'},
          {type: 'stderr', date: 2, text: 'src/a.ts: not found\nsecond'},
          {type: 'exit', date: 3, payload: {text: 'exit 1'}},
        ];
      },
      result: {
        outcome: 'failed',
        reason: {
          code: 'VERCEL_BUILD_FAILED',
          message: expect.stringMatching(/step buildStep \(BUILD_FAILED\): Command "npm run build"/),
          remedy: expect.stringMatching(/build log/),
          logTail: ['src/a.ts: not found second', 'exit 1'],
        },
      },
      requests: 5,
    },
    {
      rule: 'ERROR without a readable log still ends',
      set: (s) => {
        states({readyState: 'ERROR', errorMessage: 'no'})(s);
        refuse('GET */events', error(403, 'forbidden', 'no'))(s);
      },
      result: {outcome: 'failed', reason: {logTail: []}},
      requests: 5,
    },
    {
      rule: 'ERROR together with aliasAssigned creates no second deployment',
      set: states({readyState: 'ERROR', aliasAssigned: true}),
      result: {outcome: 'failed'},
      requests: 5,
      writes: twice,
    },
    {
      rule: 'CANCELED ends the wait',
      set: states('BUILDING', 'CANCELED'),
      result: {outcome: 'canceled', reason: {code: 'VERCEL_CANCELED', remedy: expect.stringMatching(/who cancelled/)}},
      requests: 6,
    },
    {
      rule: 'CANCELED by the ignored build step is skipped',
      set: states({
        readyState: 'CANCELED',
        errorMessage:
          'The Deployment has been canceled as a result of running the command defined in the "Ignored Build Step" setting.',
      }),
      result: {
        outcome: 'skipped',
        reason: {code: 'VERCEL_SKIPPED', remedy: expect.stringMatching(/Ignored Build Step/)},
      },
      requests: 5,
    },
    {
      rule: 'BLOCKED ends the wait and names the seat',
      set: states({readyState: 'BLOCKED', readyStateReason: 'The commit author is no member of the team'}),
      result: {
        outcome: 'blocked',
        reason: {
          code: 'VERCEL_BLOCKED',
          message: expect.stringMatching(/commit author is no member/),
          remedy: expect.stringMatching(/seat/),
        },
      },
      requests: 5,
    },
    {rule: 'BLOCKED without a reason', set: states('BLOCKED'), result: {outcome: 'blocked'}, requests: 5},
    {
      rule: 'DELETED ends the wait',
      set: states('BUILDING', 'DELETED'),
      result: {outcome: 'deleted', reason: {code: 'VERCEL_DELETED'}},
      requests: 6,
    },
    {
      rule: 'gone from the API is deleted',
      set: (s) => {
        let reads = 0;
        s.states = ['BUILDING'];
        s.answers.set('GET /v13/deployments/dpl_1', () => (++reads > 20 ? error(404, 'not_found', 'no') : undefined));
      },
      result: {outcome: 'deleted'},
      requests: 25,
    },
    {
      rule: 'not found right after creation is waited out',
      set: refuse('GET /v13/deployments/dpl_1', error(404, 'not_found', 'no'), 3),
      result: ready,
      requests: 10,
    },
    {
      rule: 'stuck in QUEUED ends at the deadline and names the build slots',
      set: states('QUEUED'),
      result: {
        outcome: 'timed-out',
        reason: {
          code: 'VERCEL_TIMEOUT',
          message: expect.stringMatching(/still queued after 10 min/),
          remedy: expect.stringMatching(/concurrent builds/),
        },
      },
      requests: 84,
    },
    {
      rule: 'stuck in BUILDING ends at the deadline',
      set: states('BUILDING'),
      result: {outcome: 'timed-out', reason: {remedy: expect.stringMatching(/where the build hangs/)}},
      requests: 84,
    },
    {
      rule: 'an unknown state is bounded before the deadline',
      set: states('HIBERNATING'),
      result: {
        outcome: 'timed-out',
        reason: {
          code: 'VERCEL_UNKNOWN_STATE',
          message: expect.stringMatching(/hibernating/),
          remedy: expect.stringMatching(/update Switchback/),
        },
      },
      requests: 65,
    },
    {
      rule: 'an unknown state that passes is no problem',
      set: states('HIBERNATING', 'READY'),
      result: ready,
      requests: 6,
    },
    {
      rule: 'READY with an alias error warns: the address that is probed is another',
      set: states({readyState: 'READY', aliasError: {code: 'cert_missing', message: 'no certificate'}}),
      result: {outcome: 'ready', warnings: [expect.stringMatching(/no certificate/)]},
      requests: 5,
    },
    {
      rule: 'checks that run are waited for',
      set: states(
        {readyState: 'READY', checksState: 'running'},
        {checksState: 'completed', checksConclusion: 'succeeded'},
      ),
      result: ready,
      requests: 6,
    },
    {
      rule: 'checks that never end warn after five minutes',
      set: states({readyState: 'READY', checksState: 'registered'}),
      result: {outcome: 'ready', warnings: [expect.stringMatching(/may hold the promotion/)]},
      requests: 65,
    },
    {
      rule: 'a failed check fails',
      set: states({readyState: 'READY', checksState: 'completed', checksConclusion: 'failed'}),
      result: {outcome: 'failed', reason: {code: 'VERCEL_CHECKS_FAILED'}},
      requests: 7,
    },
    {
      rule: 'a cancelled check fails',
      set: states({readyState: 'READY', checksConclusion: 'canceled'}),
      result: {outcome: 'failed', reason: {code: 'VERCEL_CHECKS_FAILED'}},
      requests: 7,
    },
    {
      rule: 'a failed check of an integration is named',
      set: and(
        states({readyState: 'READY', checksState: 'completed', checksConclusion: 'failed'}),
        refuse('GET /v1/deployments/dpl_1/checks', [
          200,
          {
            checks: [
              {name: 'axe', status: 'completed', conclusion: 'succeeded', blocking: true},
              {name: 'budget', status: 'completed', conclusion: 'failed', blocking: true},
              {name: 'note', status: 'running', blocking: false},
            ],
          },
        ]),
      ),
      result: {outcome: 'failed', reason: {message: expect.stringMatching(/: budget \(failed\)$/)}},
      requests: 7,
    },
    {
      rule: 'a skipped check passes',
      set: states({readyState: 'READY', checksState: 'completed', checksConclusion: 'skipped'}),
      result: ready,
      requests: 5,
    },
    {
      rule: 'a failed check of the second kind fails',
      set: states({readyState: 'READY', checks: {'deployment-alias': {state: 'failed'}}}),
      result: {outcome: 'failed', reason: {code: 'VERCEL_CHECKS_FAILED'}},
      requests: 7,
    },
    {
      rule: 'target null is a preview, which cannot be promoted',
      set: states({readyState: 'READY', target: null}),
      result: {outcome: 'failed', reason: {code: 'VERCEL_WRONG_TARGET', message: expect.stringMatching(/preview/)}},
      requests: 5,
    },
    {
      rule: 'target staging cannot be promoted',
      set: states({readyState: 'READY', target: 'staging'}),
      result: {outcome: 'failed', reason: {code: 'VERCEL_WRONG_TARGET'}},
      requests: 5,
    },
    {
      rule: 'a first deployment is announced: it may go live at once',
      set: (s) => {
        s.project.targets = {};
      },
      result: {outcome: 'ready', warnings: [expect.stringMatching(/first production deployment/)]},
      requests: 7,
    },
    {
      rule: 'a rolled-back project is announced',
      set: (s) => {
        s.project.lastAliasRequest = {
          type: 'rollback',
          jobStatus: 'succeeded',
          toDeploymentId: anchorId,
          requestedAt: 5,
        };
        s.project.rollbackDescription = {description: 'checkout broke'};
      },
      result: {outcome: 'ready', warnings: [expect.stringMatching(/rolled-back state \(checkout broke\)/)]},
      requests: 7,
    },
  ];
  test.each(rows.map((row) => [row.rule, row] as const))('%s', (_rule, row) =>
    check(row, (vercel) => vercel.deploy({commit, release: 'r-1', path: folder}, call())),
  );
});

describe('answers to creating', () => {
  const deploy = (vercel: Opened) => vercel.deploy({commit, release: 'r-1', path: folder}, call());
  const refusedOnce = (answer: Answer, failure: NonNullable<Row['failure']>, rule: string): Row => ({
    rule,
    set: refuse(createCall, answer),
    failure,
    requests: 3,
    writes: [createCall],
  });
  const rows: Row[] = [
    refusedOnce(
      error(400, 'bad_request', 'should NOT have additional property `nowConfig`'),
      ['VERCEL_REQUEST', /additional property `nowConfig`/, /vercel\.json/],
      '400 bad_request names the field',
    ),
    refusedOnce(
      error(400, 'missing_project_settings', 'no settings'),
      ['VERCEL_PROJECT_SETTINGS', /no settings/, /framework/],
      '400 missing_project_settings',
    ),
    refusedOnce(
      error(400, 'too_many_files', 'too many'),
      ['VERCEL_TOO_MANY_FILES', /too many/, /archive: tgz/],
      '400 too_many_files',
    ),
    refusedOnce(
      error(400, 'size_limit_exceeded', 'too big'),
      ['VERCEL_TOO_LARGE', /too big/, /\.vercelignore/],
      '400 size_limit_exceeded',
    ),
    refusedOnce(
      error(400, 'cert_missing', 'no cert'),
      ['VERCEL_DOMAIN', /no cert/, /Domains page/],
      '400 cert_missing',
    ),
    refusedOnce(
      error(400, 'domain_not_verified', 'unverified'),
      ['VERCEL_DOMAIN', /unverified/, /verification/],
      '400 domain_not_verified',
    ),
    refusedOnce(
      error(400, 'domain_configured', 'configured'),
      ['VERCEL_DOMAIN', /configured/, /Domains page/],
      '400 domain_configured',
    ),
    refusedOnce(
      error(403, 'not_domain_owner', 'not yours'),
      ['VERCEL_DOMAIN', /not yours/, /this team/],
      '403 not_domain_owner',
    ),
    refusedOnce(
      error(400, 'missing_build_script', 'no build'),
      ['VERCEL_BUILD_SETTINGS', /no build/, /`build` script/],
      '400 missing_build_script',
    ),
    refusedOnce(
      error(400, 'conflicting_file_path', 'a.js and a.ts'),
      ['VERCEL_FILES', /a\.js and a\.ts/, /[Rr]ename/],
      '400 conflicting_file_path',
    ),
    refusedOnce(
      error(402, 'api-deployments-free-per-day', 'more than 100'),
      ['VERCEL_DAILY_LIMIT', /more than 100/, /24 hours/],
      '402 daily deployments',
    ),
    refusedOnce(error(402, 'payment_required', 'pay'), ['VERCEL_PLAN', /pay/, /plan|billing/], '402 other'),
    refusedOnce(error(401, 'unauthorized', 'no'), ['VERCEL_AUTH', /HTTP 401/, /new access token/], '401'),
    refusedOnce(
      error(403, 'forbidden', 'Not authorized', {invalidToken: true}),
      ['VERCEL_AUTH', /Not authorized/, /new access token/],
      '403 with invalidToken is the token',
    ),
    refusedOnce(
      error(403, 'forbidden', 'Not authorized: scope "acme"', {saml: true, scope: 'acme'}),
      ['VERCEL_SCOPE', /scope "acme"/, /single sign-on/],
      '403 with saml is the team',
    ),
    refusedOnce(error(403, 'forbidden', 'no'), ['VERCEL_FORBIDDEN', /forbidden/, /team/], '403 other'),
    refusedOnce(
      error(403, 'challenge_required_2fa', 'challenge'),
      ['VERCEL_CHALLENGE', /challenge/, /plain access token/],
      '403 challenge',
    ),
    refusedOnce(error(404, 'not_found', 'no project'), ['VERCEL_NOT_FOUND', /no project/, /`team`/], '404 not_found'),
    refusedOnce(
      error(405, 'method_unknown', 'unknown'),
      ['VERCEL_PROTOCOL', /unknown/, /Update Switchback/],
      '405 method_unknown',
    ),
    refusedOnce(error(413, 'body_too_large', 'large'), ['VERCEL_TOO_LARGE', /large/, /archive: tgz/], '413'),
    refusedOnce(
      error(429, 'builds_rate_limited', 'builds'),
      ['VERCEL_BUILD_LIMIT', /builds/, /counts again/],
      '429 builds_rate_limited is not repeated',
    ),
    {
      rule: '429 rate_limited is looked up and repeated',
      set: refuse(createCall, error(429, 'rate_limited', 'slow down'), 2),
      result: {outcome: 'ready', adopted: false},
      requests: 11,
      writes: [createCall, createCall, createCall, createCall],
    },
    {
      rule: '429 too_many_requests likewise',
      set: refuse(createCall, error(429, 'too_many_requests', 'slow down'), 1),
      result: {outcome: 'ready'},
      requests: 9,
    },
    {
      rule: '429 for good ends after five tries and a last look',
      set: refuse(createCall, error(429, 'rate_limited', 'slow down')),
      failure: ['VERCEL_RATE_LIMIT', /slow down/, /Wait until the limit resets/],
      requests: 12,
    },
    {
      rule: '500 is looked up and repeated',
      set: refuse(createCall, error(500, 'internal_server_error', 'oops'), 1),
      result: {outcome: 'ready'},
      requests: 9,
    },
    {
      rule: '502 with a page is looked up and repeated',
      set: refuse(createCall, gatewayPage, 1),
      result: {outcome: 'ready'},
      requests: 9,
    },
    {
      rule: '503 for good ends clearly',
      set: refuse(createCall, error(503, 'service_unavailable', 'down')),
      failure: ['VERCEL_UNAVAILABLE', /down/, /vercel-status/],
      requests: 12,
    },
    {
      rule: 'a 502 whose request was carried out is found and taken over',
      set: (s) => {
        // As a gateway that gives up on a request which the API behind it finishes.
        s.answers.set(createCall, () => {
          if (s.created > 0) return undefined;
          s.created = 1;
          s.deployments.set(
            candidateId,
            deployment(candidateId, {meta: {switchbackRelease: 'r-1', switchbackCommit: commit}, queue: ['READY']}),
          );
          return gatewayPage;
        });
      },
      result: {outcome: 'ready', adopted: true, deploymentId: candidateId},
      requests: 5,
      writes: [createCall],
    },
    {
      rule: 'an answer without an id is looked up',
      set: refuse(createCall, [200, {}], 1),
      result: {outcome: 'ready'},
      requests: 9,
    },
    {
      rule: 'the same file missing again and again ends',
      set: refuse(createCall, error(400, 'missing_files', 'Missing', {missing: []})),
      failure: ['VERCEL_FILES_LOST', /Missing/, /Run again/],
      requests: 17,
    },
    {
      rule: 'upload refused with 403',
      set: refuse('POST /v2/files', error(403, 'forbidden', 'no upload')),
      failure: ['VERCEL_FORBIDDEN', /no upload/, /token that may use it/],
      requests: 3,
    },
    {
      rule: 'upload limit of the plan',
      set: refuse('POST /v2/files', error(429, 'rate_limited', 'limit', {name: 'api-upload-free'})),
      failure: ['VERCEL_UPLOAD_LIMIT', /limit/, /archive: tgz/],
      requests: 3,
    },
    {
      rule: 'upload answered 500 is repeated from the start',
      set: refuse('POST /v2/files', error(500, 'internal_server_error', 'oops'), 1),
      result: {outcome: 'ready'},
      requests: 9,
    },
    {
      rule: 'upload answered by a gateway is repeated',
      set: refuse('POST /v2/files', gatewayPage, 1),
      result: {outcome: 'ready'},
      requests: 9,
    },
    {
      rule: 'a paused project is refused before any write',
      set: (s) => {
        s.project.paused = true;
      },
      failure: ['VERCEL_PAUSED', /paused/, /Unpause/],
      requests: 2,
      writes: [],
    },
  ];
  test.each(rows.map((row) => [row.rule, row] as const))('%s', (_rule, row) => check(row, deploy));
});

describe('answers while waiting and reading', () => {
  const deploy = (vercel: Opened) => vercel.deploy({commit, release: 'r-1', path: folder}, call());
  const poll = 'GET /v13/deployments/dpl_1';
  const rows: Row[] = [
    {
      rule: 'poll answered 429 with Retry-After',
      set: refuse(poll, [429, {error: {code: 'rate_limited', message: 'slow'}}, {'retry-after': '7'}], 2),
      result: {outcome: 'ready'},
      requests: 9,
    },
    {
      rule: 'poll answered 500',
      set: refuse(poll, error(500, 'internal_server_error', 'oops'), 3),
      result: {outcome: 'ready'},
      requests: 10,
    },
    {rule: 'poll answered by a gateway', set: refuse(poll, gatewayPage, 3), result: {outcome: 'ready'}, requests: 10},
    {
      rule: 'poll answered 200 with a page',
      set: refuse(poll, [200, '<html>proxy</html>'], 2),
      result: {outcome: 'ready'},
      requests: 9,
    },
    {
      rule: 'an outage longer than one round of repeats is waited out',
      set: refuse(poll, error(503, 'service_unavailable', 'down'), 12),
      result: {outcome: 'ready'},
      requests: 19,
    },
    {
      rule: 'a poll asked to wait for longer than a repeat may',
      set: refuse(poll, [429, {error: {code: 'rate_limited', message: 'slow'}}, {'retry-after': '120'}], 1),
      result: {outcome: 'ready'},
      requests: 8,
    },
    {
      rule: 'token revoked mid-run',
      set: refuse(poll, error(401, 'unauthorized', 'gone')),
      failure: ['VERCEL_AUTH', /HTTP 401/, /new access token/],
      requests: 5,
    },
    {
      rule: 'token revoked mid-run, as 403',
      set: refuse(poll, error(403, 'forbidden', 'no', {invalidToken: true})),
      failure: ['VERCEL_AUTH', /403/, /new access token/],
      requests: 5,
    },
    {
      rule: 'project: wrong token',
      set: refuse('GET /v9/projects/shop', error(403, 'forbidden', 'Not authorized', {invalidToken: true})),
      failure: ['VERCEL_AUTH', /read the project shop/, /new access token/],
      requests: 2,
    },
    {
      rule: 'project: wrong team',
      set: refuse('GET /v9/projects/shop', error(403, 'forbidden', 'Not authorized', {saml: true})),
      failure: ['VERCEL_SCOPE', /read the project/, /`team`/],
      requests: 2,
    },
    {
      rule: 'project: not there',
      set: refuse('GET /v9/projects/shop', error(404, 'not_found', 'Project not found')),
      failure: ['VERCEL_NOT_FOUND', /Project not found/, /`team`/],
      requests: 2,
    },
    {
      rule: 'project: error under `err`',
      set: refuse('GET /v9/projects/shop', [403, {err: {code: 'forbidden', message: 'nested'}}]),
      failure: ['VERCEL_FORBIDDEN', /nested/, /team/],
      requests: 2,
    },
    {
      rule: 'project: error at top level',
      set: refuse('GET /v9/projects/shop', [403, {code: 'forbidden', message: 'flat'}]),
      failure: ['VERCEL_FORBIDDEN', /flat/, /team/],
      requests: 2,
    },
    {
      rule: 'project: 500 repeated',
      set: refuse('GET /v9/projects/shop', error(500, 'internal_server_error', 'oops'), 2),
      result: {outcome: 'ready'},
      requests: 9,
    },
    {
      rule: 'project: 429 whose wait is too long ends at once',
      set: refuse('GET /v9/projects/shop', [
        429,
        {error: {code: 'rate_limited', message: 'slow'}},
        {'retry-after': '3600'},
      ]),
      failure: ['VERCEL_RATE_LIMIT', /slow/, /limit resets/],
      requests: 2,
    },
    {
      rule: 'a list that ignores the filter is filtered here',
      set: (s) =>
        void s.deployments.set(
          'dpl_other',
          deployment('dpl_other', {readyState: 'READY', meta: {switchbackRelease: 'r-0', switchbackCommit: commit}}),
        ),
      result: {deploymentId: candidateId, adopted: false},
      requests: 7,
    },
    {
      rule: 'the same release of another commit is not taken over',
      set: (s) =>
        void s.deployments.set(
          'dpl_other',
          deployment('dpl_other', {
            readyState: 'READY',
            meta: {switchbackRelease: 'r-1', switchbackCommit: 'd'.repeat(40)},
          }),
        ),
      result: {deploymentId: candidateId, adopted: false},
      requests: 7,
    },
    {
      rule: 'a building one of this release is taken over',
      set: (s) =>
        void s.deployments.set(
          'dpl_mine',
          deployment('dpl_mine', {
            readyState: 'BUILDING',
            queue: ['READY'],
            meta: {switchbackRelease: 'r-1', switchbackCommit: commit},
          }),
        ),
      result: {deploymentId: 'dpl_mine', adopted: true, outcome: 'ready'},
      requests: 3,
      writes: [],
    },
    {
      rule: 'a failed one of this release is not taken over',
      set: (s) =>
        void s.deployments.set(
          'dpl_mine',
          deployment('dpl_mine', {readyState: 'ERROR', meta: {switchbackRelease: 'r-1', switchbackCommit: commit}}),
        ),
      result: {deploymentId: candidateId, adopted: false},
      requests: 7,
    },
    {
      rule: 'a cancelled one of this release is not taken over',
      set: (s) =>
        void s.deployments.set(
          'dpl_mine',
          deployment('dpl_mine', {readyState: 'CANCELED', meta: {switchbackRelease: 'r-1', switchbackCommit: commit}}),
        ),
      result: {deploymentId: candidateId, adopted: false},
      requests: 7,
    },
  ];
  test.each(rows.map((row) => [row.rule, row] as const))('%s', (_rule, row) => check(row, deploy));
});

const candidate =
  (fields: Record<string, unknown> = {}) =>
  (scripted: Scripted) =>
    void scripted.deployments.set(
      candidateId,
      deployment(candidateId, {
        readyState: 'READY',
        readySubstate: 'STAGED',
        meta: {switchbackCommit: commit},
        ...fields,
      }),
    );
const job = (fields: Record<string, unknown>) => (scripted: Scripted) => {
  scripted.project.lastAliasRequest = fields;
};
const jobs =
  (...list: string[]) =>
  (scripted: Scripted) => {
    scripted.jobStates = list;
  };
const live = (scripted: Scripted) => {
  for (const host of scripted.hosts.keys()) scripted.hosts.set(host, candidateId);
  scripted.project.targets = {production: {id: candidateId}};
  candidate({readySubstate: 'PROMOTED'})(scripted);
  job({
    type: 'promote',
    jobStatus: 'succeeded',
    toDeploymentId: candidateId,
    fromDeploymentId: anchorId,
    requestedAt: 2_000,
  })(scripted);
};

describe('promotion', () => {
  const promote = (vercel: Opened) => vercel.promote(candidateId, call());
  const promoted = {
    changed: true,
    hosts: [
      {host: 'shop.example', deploymentId: candidateId},
      {host: 'www.shop.example', deploymentId: candidateId},
    ],
  };
  const once = [promoteCall];
  const rows: Row[] = [
    {rule: '201, then pending, in-progress, succeeded', set: candidate(), result: promoted, requests: 9, writes: once},
    {
      rule: '202 is queued behind a rolling release: not promoted',
      set: and(candidate(), refuse(promoteCall, [202])),
      failure: ['VERCEL_ROLLING_RELEASE', /queued.*has not moved/, /abort/],
      requests: 4,
    },
    {
      rule: '400',
      set: and(candidate(), refuse(promoteCall, error(400, 'bad_request', 'nope'))),
      failure: ['VERCEL_REQUEST', /nope/, /./],
      requests: 4,
      writes: once,
    },
    {
      rule: '401',
      set: and(candidate(), refuse(promoteCall, error(401, 'unauthorized', 'no'))),
      failure: ['VERCEL_AUTH', /promote dpl_1/, /token/],
      requests: 4,
      writes: once,
    },
    {
      rule: '403',
      set: and(candidate(), refuse(promoteCall, error(403, 'forbidden', 'no'))),
      failure: ['VERCEL_FORBIDDEN', /promote dpl_1/, /team/],
      requests: 4,
      writes: once,
    },
    {
      rule: '404',
      set: and(candidate(), refuse(promoteCall, error(404, 'not_found', 'no'))),
      failure: ['VERCEL_NOT_FOUND', /promote dpl_1/, /id/],
      requests: 4,
      writes: once,
    },
    {
      rule: '410',
      set: and(candidate(), refuse(promoteCall, error(410, 'gone', 'no'))),
      failure: ['VERCEL_GONE', /promote dpl_1/, /deleted/],
      requests: 4,
      writes: once,
    },
    {
      rule: '422',
      set: and(candidate(), refuse(promoteCall, error(422, 'unprocessable', 'will not'))),
      failure: ['VERCEL_REFUSED', /will not/, /message/],
      requests: 4,
      writes: once,
    },
    {
      rule: '409 current, and the hosts agree: success',
      set: and(candidate(), (s) => {
        s.answers.set(promoteCall, () => {
          live(s);
          return error(
            409,
            'conflict',
            `The provided deploymentId (${candidateId}) is already the current production deployment.`,
          );
        });
      }),
      result: {...promoted, changed: true},
      requests: 6,
      writes: once,
    },
    {
      rule: '409 current, and a host disagrees: not success',
      set: and(
        candidate(),
        refuse(
          promoteCall,
          error(
            409,
            'conflict',
            `The provided deploymentId (${candidateId}) is already the current production deployment.`,
          ),
        ),
      ),
      failure: ['VERCEL_NOT_SERVED', /shop\.example serves dpl_anchor/, /Run the step again/],
      requests: 70,
    },
    {
      rule: '409 current, and a host that stayed behind is assigned by itself',
      set: and(live, (s) => {
        s.hosts.set('www.shop.example', anchorId);
        s.answers.set(`POST /v2/deployments/${candidateId}/aliases`, () => {
          s.hosts.set('www.shop.example', candidateId);
          return [200, {uid: 'al_1', alias: 'www.shop.example'}];
        });
      }),
      result: promoted,
      requests: 11,
      writes: [promoteCall, `POST /v2/deployments/${candidateId}/aliases`],
    },
    {
      rule: '409 while another job runs is waited out',
      set: and(candidate(), (s) => {
        let left = 1;
        s.answers.set(promoteCall, () => {
          if (left-- <= 0) return undefined;
          job({
            type: 'rollback',
            jobStatus: 'in-progress',
            toDeploymentId: anchorId,
            requestedAt: 5_000,
            moving: true,
            queue: ['in-progress', 'in-progress', 'succeeded'],
          })(s);
          return error(409, 'conflict', 'Another alias job is running');
        });
      }),
      result: promoted,
      requests: 13,
      writes: [promoteCall, promoteCall],
    },
    {
      rule: '409 for good ends',
      set: and(candidate(), refuse(promoteCall, error(409, 'conflict', 'no reason'))),
      failure: ['VERCEL_CONFLICT', /no reason/, /other change/],
      requests: 13,
    },
    {
      rule: '429 is looked up and repeated',
      set: and(candidate(), refuse(promoteCall, error(429, 'rate_limited', 'slow'), 1)),
      result: promoted,
      requests: 11,
      writes: [promoteCall, promoteCall],
    },
    {
      rule: '500 whose job was made is not sent again',
      set: and(candidate(), (s) => {
        s.answers.set(promoteCall, () => {
          job({
            type: 'promote',
            jobStatus: 'pending',
            toDeploymentId: candidateId,
            requestedAt: 9_000,
            moving: true,
            queue: ['pending', 'pending', 'succeeded'],
          })(s);
          return gatewayPage;
        });
      }),
      result: promoted,
      requests: 9,
      writes: once,
    },
    {
      rule: '503 for good ends',
      set: and(candidate(), refuse(promoteCall, error(503, 'service_unavailable', 'down'))),
      failure: ['VERCEL_UNAVAILABLE', /down/, /vercel-status/],
      requests: 13,
    },
    {
      rule: 'job failed for one domain of two: says which, and what each serves',
      set: and(candidate(), jobs('failed'), (s) => {
        s.stuckHosts.add('www.shop.example');
        s.hosts.set('shop.example', candidateId);
      }),
      failure: [
        'VERCEL_PROMOTE_FAILED',
        /failed for www\.shop\.example; shop\.example serves dpl_1, www\.shop\.example serves dpl_anchor/,
        /Domains page/,
      ],
      requests: 8,
    },
    {
      rule: 'per-domain outcome as objects is read too',
      set: and(
        candidate(),
        jobs('failed'),
        refuse('GET */promote/aliases', [
          200,
          {aliases: [{status: 'failed', alias: {alias: 'www.shop.example', deploymentId: anchorId}}]},
        ]),
      ),
      failure: ['VERCEL_PROMOTE_FAILED', /failed for www\.shop\.example/, /./],
      requests: 8,
    },
    {
      rule: 'per-domain outcome empty',
      set: and(candidate(), jobs('failed'), refuse('GET */promote/aliases', [200, {}])),
      failure: ['VERCEL_PROMOTE_FAILED', /job failed;/, /./],
      requests: 8,
    },
    {
      rule: 'job skipped and nothing moved is a failure',
      set: and(candidate(), jobs('skipped')),
      failure: ['VERCEL_NOT_SERVED', /job ended as skipped/, /Run the step again/],
      requests: 67,
    },
    {
      rule: 'job skipped and the hosts are there is success',
      set: and(candidate(), jobs('skipped'), (s) => {
        for (const host of s.hosts.keys()) s.hosts.set(host, candidateId);
      }),
      result: promoted,
      requests: 7,
    },
    {
      rule: 'job stuck ends at the deadline',
      set: and(candidate(), jobs('in-progress')),
      failure: ['VERCEL_TIMEOUT', /its job is in-progress/, /vercel-status/],
      requests: 229,
    },
    {
      rule: 'a host that lags is waited for',
      set: and(candidate(), (s) => {
        let reads = 0;
        s.answers.set('GET /v4/aliases/www.shop.example', () =>
          ++reads < 4 ? [200, {deploymentId: anchorId}] : undefined,
        );
      }),
      result: promoted,
      requests: 15,
    },
    {
      rule: 'an older job for the same deployment is not taken for ours',
      set: and(
        candidate(),
        job({type: 'promote', jobStatus: 'succeeded', toDeploymentId: candidateId, requestedAt: 500}),
        (s) => {
          s.answers.set(promoteCall, () => [201]);
        },
      ),
      failure: ['VERCEL_NOT_SERVED', /no job was seen.*serves dpl_anchor/, /./],
      requests: 98,
    },
    {
      rule: 'another promotion that comes after ours is named',
      set: and(candidate(), (s) => {
        s.answers.set(promoteCall, () => {
          job({type: 'promote', jobStatus: 'in-progress', toDeploymentId: 'dpl_theirs', requestedAt: 9_000})(s);
          return [201];
        });
      }),
      failure: ['VERCEL_OVERTAKEN', /to dpl_theirs, came after/, /at the same time/],
      requests: 7,
    },
    {
      rule: 'no job shows up, and the hosts have moved',
      set: and(candidate(), (s) => {
        s.answers.set(promoteCall, () => {
          for (const host of s.hosts.keys()) s.hosts.set(host, candidateId);
          s.project.targets = {production: {id: candidateId}};
          return [201];
        });
      }),
      result: promoted,
      requests: 7,
    },
    {rule: 'already current everywhere: nothing is sent', set: live, result: {changed: false}, requests: 5, writes: []},
    {
      rule: 'current by name, and one host elsewhere: promoted',
      set: and(live, (s) => {
        s.hosts.set('www.shop.example', anchorId);
        s.answers.set(promoteCall, () => {
          s.hosts.set('www.shop.example', candidateId);
          return error(
            409,
            'conflict',
            `The provided deploymentId (${candidateId}) is already the current production deployment.`,
          );
        });
      }),
      result: promoted,
      requests: 8,
    },
    {
      rule: 'a preview is refused: promoting it would rebuild it',
      set: candidate({target: null}),
      failure: ['VERCEL_WRONG_TARGET', /built for preview.*nothing was changed/, /stages it/],
      requests: 3,
      writes: [],
    },
    {
      rule: 'a building one is refused',
      set: candidate({readyState: 'BUILDING'}),
      failure: ['VERCEL_NOT_READY', /BUILDING/, /Wait/],
      requests: 3,
      writes: [],
    },
    {
      rule: 'a failed one is refused',
      set: candidate({readyState: 'ERROR'}),
      failure: ['VERCEL_NOT_READY', /ERROR/, /deploy the commit again/],
      requests: 3,
      writes: [],
    },
    {
      rule: 'one that does not exist is refused',
      failure: ['VERCEL_NOT_FOUND', /does not exist/, /`team`/],
      requests: 3,
      writes: [],
    },
    {
      rule: 'one of another project is refused',
      set: candidate({projectId: 'prj_other'}),
      failure: ['VERCEL_WRONG_PROJECT', /prj_other/, /this project/],
      requests: 3,
      writes: [],
    },
    {
      rule: 'a paused project is refused',
      set: and(candidate(), (s) => {
        s.project.paused = true;
      }),
      failure: ['VERCEL_PAUSED', /paused/, /Unpause/],
      requests: 3,
      writes: [],
    },
    {
      rule: 'rolling releases that are on are refused',
      set: and(candidate(), (s) => {
        s.project.rollingRelease = {target: 'production', stages: []};
        refuse('GET */rolling-release', [200, {rollingRelease: null}])(s);
      }),
      failure: ['VERCEL_ROLLING_RELEASE', /releases in stages/, /Turn rolling releases off/],
      requests: 4,
      writes: [],
    },
    {
      rule: 'a rolling release under way is named',
      set: and(candidate(), (s) => {
        s.project.rollingRelease = {target: 'production', stages: []};
        refuse('GET */rolling-release', [
          200,
          {rollingRelease: {state: 'ACTIVE', canaryDeployment: {id: 'dpl_canary'}}},
        ])(s);
      }),
      failure: ['VERCEL_ROLLING_RELEASE', /dpl_canary is under way/, /Complete or abort/],
      requests: 4,
      writes: [],
    },
    {
      rule: 'the alias knows nothing, the deployment of the host does',
      set: and(candidate(), (s) => {
        s.answers.set('GET /v4/aliases/*', () => error(404, 'not_found', 'no'));
        s.answers.set('GET /v13/deployments/*shop.example', () => [
          200,
          deployment(s.hosts.get('shop.example') as string, {readyState: 'READY'}),
        ]);
      }),
      result: promoted,
      requests: 11,
    },
    {
      rule: 'a project without domains is read back from itself',
      set: and(candidate(), (s) => void s.domains.splice(0)),
      result: {changed: true, hosts: []},
      requests: 8,
    },
    {
      rule: 'unverified domains are not waited for',
      set: and(candidate(), (s) => void s.domains.push({name: 'new.example', verified: false})),
      result: promoted,
      requests: 9,
    },
    {
      rule: 'redirects and branch domains are not waited for',
      set: and(
        candidate(),
        (s) =>
          void s.domains.push(
            {name: 'old.example', redirect: 'shop.example', verified: true},
            {name: 'dev.example', gitBranch: 'dev', verified: true},
          ),
      ),
      result: promoted,
      requests: 9,
    },
    {
      rule: 'hosts that were given are read instead of the list',
      set: candidate(),
      options: {productionHosts: ['shop.example']},
      result: {hosts: [{host: 'shop.example', deploymentId: candidateId}]},
      requests: 7,
    },
  ];
  test.each(rows.map((row) => [row.rule, row] as const))('%s', (_rule, row) => check(row, promote));
});

describe('rollback', () => {
  const anchor: Anchor = {
    component: 'frontend',
    platform: 'vercel',
    deploymentId: anchorId,
    hosts: ['shop.example', 'www.shop.example'],
    createdAtMs: 0,
    readAtMs: 0,
    restorable: {by: 'rollback'},
  };
  const back =
    (more: {abandoned?: string[]; dryRun?: boolean} = {}) =>
    (vercel: Opened) =>
      vercel.rollback(anchor, {...call(), abandoned: [], reason: 'gate said fail', ...more});
  const restored = {
    outcome: 'restored',
    by: 'rollback',
    live: {deploymentId: anchorId, hosts: ['shop.example', 'www.shop.example']},
  };
  const rows: Row[] = [
    {
      rule: '201, then succeeded; automatic assignment is then off',
      set: live,
      result: {...restored, warnings: [expect.stringMatching(/waits for a promotion/)]},
      requests: 11,
      writes: [rollbackCall],
    },
    {
      rule: 'already there: verified, not touched',
      result: {outcome: 'already', by: 'none', warnings: []},
      requests: 5,
      writes: [],
    },
    {
      rule: 'already there by a former rollback says so',
      set: job({type: 'rollback', jobStatus: 'succeeded', toDeploymentId: anchorId, requestedAt: 5}),
      result: {outcome: 'already', warnings: [expect.stringMatching(/waits for a promotion/)]},
      requests: 5,
      writes: [],
    },
    {
      rule: 'there by name, one host elsewhere: rolled back',
      set: (s) => {
        s.hosts.set('www.shop.example', candidateId);
      },
      result: restored,
      requests: 13,
      writes: [rollbackCall],
    },
    {
      rule: 'a promotion under way is waited for, then undone',
      set: and(
        candidate(),
        job({
          type: 'promote',
          jobStatus: 'in-progress',
          toDeploymentId: candidateId,
          requestedAt: 2_000,
          moving: true,
          queue: ['in-progress', 'in-progress', 'succeeded'],
        }),
      ),
      result: restored,
      requests: 13,
      writes: [rollbackCall],
    },
    {
      rule: '402 of the plan: the same deployment is promoted instead',
      set: and(
        live,
        refuse(rollbackCall, error(402, 'payment_required', 'Hobby can only roll back to the previous deployment')),
      ),
      result: {...restored, warnings: [expect.stringMatching(/promoted instead/)]},
      requests: 10,
      writes: [rollbackCall, promoteAnchorCall],
    },
    {
      rule: '422 no candidate: promoted instead',
      set: and(live, refuse(rollbackCall, error(422, 'unprocessable', 'never promoted'))),
      result: {...restored, warnings: [expect.stringMatching(/promoted instead/)]},
      requests: 10,
      writes: [rollbackCall, promoteAnchorCall],
    },
    {
      rule: '422 current, and the hosts agree',
      set: and(live, (s) => {
        s.answers.set(rollbackCall, () => {
          for (const host of s.hosts.keys()) s.hosts.set(host, anchorId);
          return error(422, 'unprocessable', 'This deployment is already the current production deployment');
        });
      }),
      result: restored,
      requests: 6,
      writes: [rollbackCall],
    },
    {
      rule: '409 while another job runs is waited out',
      set: and(live, (s) => {
        let left = 1;
        s.answers.set(rollbackCall, () => {
          if (left-- <= 0) return undefined;
          job({
            type: 'promote',
            jobStatus: 'in-progress',
            toDeploymentId: 'dpl_theirs',
            requestedAt: 5_000,
            moving: true,
            queue: ['in-progress', 'succeeded'],
          })(s);
          return error(409, 'conflict', 'Another alias job is running');
        });
      }),
      result: restored,
      requests: 14,
      writes: [rollbackCall, rollbackCall],
    },
    {
      rule: '400',
      set: and(live, refuse(rollbackCall, error(400, 'bad_request', 'nope'))),
      failure: ['VERCEL_REQUEST', /roll back to dpl_anchor/, /./],
      requests: 4,
    },
    {
      rule: '401',
      set: and(live, refuse(rollbackCall, error(401, 'unauthorized', 'no'))),
      failure: ['VERCEL_AUTH', /roll back/, /token/],
      requests: 4,
    },
    {
      rule: '403',
      set: and(live, refuse(rollbackCall, error(403, 'forbidden', 'no'))),
      failure: ['VERCEL_FORBIDDEN', /roll back/, /team/],
      requests: 4,
    },
    {
      rule: '410',
      set: and(live, refuse(rollbackCall, error(410, 'gone', 'no'))),
      failure: ['VERCEL_GONE', /roll back/, /deleted/],
      requests: 4,
    },
    {
      rule: '500 is looked up and repeated',
      set: and(live, refuse(rollbackCall, error(500, 'internal_server_error', 'oops'), 1)),
      result: restored,
      requests: 13,
      writes: [rollbackCall, rollbackCall],
    },
    {
      rule: 'job failed',
      set: and(live, jobs('failed')),
      failure: ['VERCEL_ROLLBACK_FAILED', /rollback job failed/, /Domains page/],
      requests: 10,
    },
    {
      rule: 'job succeeded, one host stays: not done',
      set: and(live, (s) => void s.stuckHosts.add('www.shop.example')),
      failure: ['VERCEL_NOT_SERVED', /www\.shop\.example serves dpl_1/, /Run the step again/],
      requests: 71,
    },
    {
      rule: 'anchor deleted',
      set: and(live, (s) => void s.deployments.delete(anchorId)),
      failure: ['VERCEL_ANCHOR_GONE', /does not exist.*nothing was changed/, /another release/],
      requests: 3,
      writes: [],
    },
    {
      rule: 'anchor not READY',
      set: and(live, (s) => void s.deployments.set(anchorId, deployment(anchorId, {readyState: 'ERROR'}))),
      failure: ['VERCEL_ANCHOR_UNFIT', /ERROR/, /another release/],
      requests: 3,
      writes: [],
    },
  ];
  test.each(rows.map((row) => [row.rule, row] as const))('%s', (_rule, row) => check(row, back()));

  test('a dry run changes nothing and says what it would do', () =>
    check(
      {
        rule: '',
        set: live,
        result: {outcome: 'restored', warnings: [expect.stringMatching(/Dry run.*now shop\.example serves dpl_1/)]},
        requests: 5,
        writes: [],
      },
      back({dryRun: true, abandoned: [candidateId]}),
    ));
  test('what the failed release left building is cancelled', () =>
    check(
      {
        rule: '',
        set: candidate({readyState: 'BUILDING'}),
        result: {outcome: 'already', warnings: []},
        requests: 7,
        writes: ['PATCH /v12/deployments/dpl_1/cancel'],
      },
      back({abandoned: [candidateId]}),
    ));
  test('what has ended, the anchor itself and what does not exist are left alone', () =>
    check(
      {rule: '', set: candidate(), result: {outcome: 'already', warnings: []}, requests: 7, writes: []},
      back({abandoned: [candidateId, anchorId, 'dpl_gone']}),
    ));
  test('what cannot be cancelled is a warning, not a failed rollback', () =>
    check(
      {
        rule: '',
        set: and(candidate({readyState: 'BUILDING'}), refuse('PATCH */cancel', error(403, 'forbidden', 'no'))),
        result: {outcome: 'already', warnings: [expect.stringMatching(/dpl_1 could not be cancelled/)]},
        requests: 7,
      },
      back({abandoned: [candidateId]}),
    ));
});

describe('required variables', () => {
  const look = (vercel: Opened) => vercel.preflight({requiredVariables: ['API_URL']}, call());
  const found = (state: string, words: RegExp) =>
    expect.arrayContaining([
      expect.objectContaining({check: 'variable API_URL', state, found: expect.stringMatching(words)}),
    ]);
  const variable = {id: 'e1', key: 'API_URL', type: 'encrypted', target: ['production']};
  const env = (value: unknown) => (scripted: Scripted) => {
    scripted.env = value;
  };
  const rows: Row[] = [
    {
      rule: 'first shape, present',
      set: env({envs: [variable], hiddenProductionEnvCount: 0}),
      result: found('ok', /set for production/),
      requests: 11,
    },
    {
      rule: 'first shape, some hidden: cannot be verified, not missing',
      set: env({envs: [], hiddenProductionEnvCount: 2}),
      result: found('unknown', /may not see 2 production variables/),
      requests: 11,
    },
    {
      rule: 'first shape, some hidden, and this one seen',
      set: env({envs: [variable], hiddenProductionEnvCount: 2}),
      result: found('ok', /set/),
      requests: 11,
    },
    {
      rule: 'second shape, present',
      set: env({envs: [variable], pagination: {count: 1, next: null, prev: null}}),
      result: found('ok', /set/),
      requests: 11,
    },
    {
      rule: 'second shape, missing',
      set: env({envs: [], pagination: null}),
      result: found('problem', /not set for production/),
      requests: 11,
    },
    {
      rule: 'second shape, on the next page',
      set: (s) =>
        void s.answers.set('GET /v10/projects/prj_shop/env', ({url}) =>
          url.searchParams.has('until')
            ? [200, {envs: [variable], pagination: {next: null}}]
            : [200, {envs: [], pagination: {next: 17}}],
        ),
      result: found('ok', /set/),
      requests: 12,
    },
    {rule: 'third shape, one bare variable', set: env(variable), result: found('ok', /set/), requests: 11},
    {
      rule: 'target as text',
      set: env({envs: [{...variable, target: 'production'}]}),
      result: found('ok', /set/),
      requests: 11,
    },
    {
      rule: 'for previews only is missing',
      set: env({envs: [{...variable, target: ['preview']}]}),
      result: found('problem', /not set/),
      requests: 11,
    },
    {
      rule: 'sensitive counts as present',
      set: env({envs: [{...variable, type: 'sensitive'}]}),
      result: found('ok', /set/),
      requests: 11,
    },
    {
      rule: 'shared by the team counts as present',
      set: (s) => {
        s.sharedEnv = {data: [{...variable, target: ['production', 'preview']}]};
      },
      result: found('ok', /set/),
      requests: 11,
    },
    {
      rule: 'shared ones cannot be read: cannot be verified',
      set: refuse('GET /v1/env', error(403, 'forbidden', 'project token')),
      result: found('unknown', /shares with the project/),
      requests: 11,
    },
    {
      rule: 'the list is refused: one row says so',
      set: refuse('GET /v10/projects/prj_shop/env', error(403, 'forbidden', 'no')),
      result: expect.arrayContaining([expect.objectContaining({check: 'required variables', state: 'problem'})]),
      requests: 11,
    },
    {
      rule: 'the list cannot be had: unknown',
      set: refuse('GET /v10/projects/prj_shop/env', error(503, 'service_unavailable', 'down')),
      result: expect.arrayContaining([expect.objectContaining({check: 'required variables', state: 'unknown'})]),
      requests: 15,
    },
  ];
  test.each(rows.map((row) => [row.rule, row] as const))('%s', (_rule, row) => check(row, look));
});
