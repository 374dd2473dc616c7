import {describe, expect, test} from '@jest/globals';
import {Failure} from '../../src/kernel/errors.js';
import type {Deployment} from '../../src/platforms/platform.js';
import type {RailwayOptions} from '../../src/platforms/railway/railway.js';
import {adapterAt, anchorOf, release} from '../twin/railway-adapter.js';
import {
  accountKey,
  fault,
  graphqlError,
  projectKey,
  type RunningWorld,
  sha,
  shaA,
  shaB,
  startWorld,
  type World,
  workspaceKey,
} from '../twin/railway-world.js';

/**
 * What the adapter makes of everything Railway is known to say: one row for each state and answer, with the result,
 * what the reader is told, and the number of requests it takes (sign-in and service look-up, two, included).
 */
interface Case {
  readonly row: string;
  readonly world?: (world: World) => void;
  readonly meddle?: (running: RunningWorld) => void;
  readonly options?: Partial<RailwayOptions>;
  /** Default: deploys commit B over a live commit A. */
  readonly act?: (adapter: ReturnType<typeof adapterAt>, running: RunningWorld) => Promise<unknown>;
  readonly result: Record<string, unknown>;
  readonly tells?: RegExp;
  readonly requests: number;
  /** Mutations in order; default one deployment. */
  readonly writes?: readonly string[];
}

const adapterToken = projectKey;
const started = ['serviceInstanceDeployV2'];
const liveA = (world: World) => void world.seed({commit: shaA, active: true});

const deployNow = (adapter: ReturnType<typeof adapterAt>): Promise<Deployment> =>
  adapter.railway.deploy(release, adapter.timed);

interface Observed {
  readonly seen: Record<string, unknown>;
  readonly text: string;
  readonly lines: readonly string[];
  readonly running: RunningWorld;
}

async function observe(one: Case): Promise<Observed> {
  const running = await startWorld((world) => (one.world ?? liveA)(world));
  one.meddle?.(running);
  const adapter = adapterAt(running, one.options);
  const {lines} = adapter;
  try {
    const seen = (await (one.act ?? deployNow)(adapter, running)) as Record<string, unknown>;
    return {seen, text: JSON.stringify(seen), lines, running};
  } catch (error) {
    if (!(error instanceof Failure)) {
      // Left open, it would keep the test process alive.
      await running.server.close();
      throw error;
    }
    return {seen: {failure: error.code}, text: `${error.message} ${error.remedy}`, lines, running};
  }
}

function check(section: string, cases: readonly Case[]): void {
  describe(section, () => {
    test.each(cases.map((one) => [one.row, one] as const))('%s', async (_row, one) => {
      const {seen, text, lines, running} = await observe(one);
      await using _close = running;
      expect(seen).toMatchObject(one.result);
      if (one.tells) expect(text).toMatch(one.tells);
      expect(running.world.mutations).toEqual(one.writes ?? started);
      expect(running.server.requests.length).toBe(one.requests);
      // Whatever was met: log lines are lines, and hold no key.
      expect(lines.filter((line) => /[\r\n]/.test(line) || line.includes(adapterToken))).toEqual([]);
    });
  });
}

const script =
  (...states: string[]) =>
  (world: World) => {
    liveA(world);
    world.nextScript = states;
  };

check('section 3: the 13 states, and those to come', [
  {row: 'SUCCESS is good once it serves', result: {outcome: 'ready', commit: shaB, adopted: false}, requests: 9},
  {row: 'SLEEPING is good', world: script('INITIALIZING', 'SLEEPING'), result: {outcome: 'ready'}, requests: 7},
  {
    row: 'QUEUED is waited out',
    world: script('QUEUED', 'QUEUED', 'BUILDING', 'DEPLOYING', 'SUCCESS'),
    result: {outcome: 'ready'},
    requests: 10,
  },
  {
    row: 'QUEUED for ever ends by the deadline and says why',
    world: script(...Array(200).fill('QUEUED')),
    result: {outcome: 'timed-out', reason: {code: 'RAILWAY_TIMED_OUT'}},
    tells: /still QUEUED.*may still go live.*peak hours/,
    requests: 91,
  },
  {
    row: 'INITIALIZING for ever ends by the deadline',
    world: script(...Array(200).fill('INITIALIZING')),
    result: {outcome: 'timed-out'},
    tells: /still INITIALIZING/,
    requests: 91,
  },
  {
    row: 'INITIALIZING reports stopped, which is not read before SUCCESS',
    world: script('INITIALIZING', 'INITIALIZING', 'SUCCESS'),
    result: {outcome: 'ready'},
    requests: 8,
  },
  {
    row: 'BUILDING for ever ends by the deadline',
    world: script(...Array(200).fill('BUILDING')),
    result: {outcome: 'timed-out'},
    tells: /still BUILDING/,
    requests: 91,
  },
  {
    row: 'DEPLOYING for ever ends by the deadline',
    world: script(...Array(200).fill('DEPLOYING')),
    result: {outcome: 'timed-out'},
    tells: /still DEPLOYING/,
    requests: 91,
  },
  {
    row: 'WAITING for ever is blocked: CI waits for us',
    world: script(...Array(200).fill('WAITING')),
    result: {outcome: 'blocked', reason: {code: 'RAILWAY_WAITING_FOR_CI'}},
    tells: /this very workflow.*Wait for CI/,
    requests: 11,
  },
  {
    row: 'WAITING for a moment is waited out',
    world: script('WAITING', 'WAITING', 'INITIALIZING', 'SUCCESS'),
    result: {outcome: 'ready'},
    requests: 9,
  },
  {
    row: 'WAITING, then SKIPPED',
    world: (world) => {
      script('WAITING', 'SKIPPED')(world);
      world.onMade = (row) => Object.assign(row.meta!, {skippedReason: 'CI check suite failed'});
    },
    result: {outcome: 'skipped'},
    tells: /CI check suite failed/,
    requests: 6,
  },
  {
    row: 'NEEDS_APPROVAL fails fast',
    world: script('NEEDS_APPROVAL'),
    result: {outcome: 'awaiting-approval', reason: {code: 'RAILWAY_NEEDS_APPROVAL'}},
    tells: /person.*Approve it/,
    requests: 5,
  },
  {
    row: 'FAILED in the build quotes the step and the build log',
    world: (world) => {
      script('BUILDING', 'FAILED')(world);
      world.events = [
        {step: 'SNAPSHOT_CODE', createdAt: '2026-01-01T00:00:00Z', completedAt: '2026-01-01T00:00:01Z'},
        {
          step: 'BUILD_IMAGE',
          createdAt: '2026-01-01T00:00:01Z',
          completedAt: '2026-01-01T00:00:09Z',
          payload: {error: 'npm ci exited with 1'},
        },
      ];
      world.buildLog = Array.from({length: 60}, (_, i) => `build line ${i}`);
      world.deploymentLog = ['never shown'];
    },
    result: {
      outcome: 'failed',
      reason: {code: 'RAILWAY_FAILED', logTail: Array.from({length: 50}, (_, i) => `build line ${i + 10}`)},
    },
    tells: /BUILD_IMAGE: npm ci exited with 1.*keeps serving/,
    requests: 8,
  },
  {
    row: 'FAILED in the pre-deploy command warns of the migration',
    world: (world) => {
      script('BUILDING', 'DEPLOYING', 'FAILED')(world);
      world.events = [
        {
          step: 'PRE_DEPLOY_COMMAND',
          createdAt: '2026-01-01T00:00:01Z',
          completedAt: null,
          payload: {error: 'exit code 3'},
        },
      ];
      world.deploymentLog = ['migrating', 'relation exists'];
    },
    result: {outcome: 'failed', reason: {logTail: ['migrating', 'relation exists']}},
    tells: /PRE_DEPLOY_COMMAND: exit code 3.*may already have migrated/,
    requests: 9,
  },
  {
    row: 'FAILED in the healthcheck',
    world: (world) => {
      script('DEPLOYING', 'FAILED')(world);
      world.events = [
        {
          step: 'HEALTHCHECK',
          createdAt: '2026-01-01T00:00:01Z',
          completedAt: null,
          payload: {detail: 'service unavailable', attempt: 8, maxAttempts: 8},
        },
      ];
      world.deploymentLog = ['listening on 3000'];
    },
    result: {outcome: 'failed', reason: {logTail: ['listening on 3000']}},
    tells: /HEALTHCHECK: service unavailable \(attempt 8 of 8\).*answer 200/,
    requests: 8,
  },
  {
    row: 'CRASHED',
    world: (world) => {
      script('DEPLOYING', 'CRASHED')(world);
      world.deploymentLog = ['Error: boom', 'postgres://u:hunter2@h/db'];
    },
    result: {outcome: 'failed', reason: {code: 'RAILWAY_CRASHED', logTail: ['Error: boom', 'postgres://u:***@h/db']}},
    tells: /kept exiting/,
    requests: 8,
  },
  {
    row: 'SKIPPED ends at once with its reason',
    world: (world) => {
      script('SKIPPED')(world);
      world.onMade = (row) => Object.assign(row.meta!, {skippedReason: 'No changes to watched files'});
    },
    result: {outcome: 'skipped', reason: {code: 'RAILWAY_SKIPPED'}},
    tells: /No changes to watched files/,
    requests: 5,
  },
  {
    row: 'SKIPPED without a reason',
    world: script('SKIPPED'),
    result: {outcome: 'skipped'},
    tells: /no reason given/,
    requests: 5,
  },
  {
    row: 'REMOVED in flight with nothing newer is cancelled',
    world: script('BUILDING', 'REMOVED'),
    result: {outcome: 'canceled', reason: {code: 'RAILWAY_CANCELED'}},
    requests: 7,
  },
  {
    row: 'REMOVING in flight with something newer is superseded, by its id',
    world: (world) => {
      script('BUILDING', 'REMOVING')(world);
      world.onMade = () => {
        world.onMade = () => undefined;
        queueMicrotask(() => world.make({commitHash: sha('c')}, []));
      };
    },
    result: {outcome: 'superseded', reason: {code: 'RAILWAY_SUPERSEDED'}},
    tells: /superseded by dep_3 \(commit cccccccccccc\)/,
    requests: 7,
  },
  {
    row: 'superseded by the same commit names automatic deploys',
    world: (world) => {
      script('BUILDING', 'REMOVED')(world);
      world.onMade = () => {
        world.onMade = () => undefined;
        queueMicrotask(() => world.make({commitHash: shaB}, []));
      };
    },
    result: {outcome: 'superseded'},
    tells: /the same\).*automatic deploys/,
    requests: 7,
  },
  {
    row: 'a state nobody knows is waited on',
    world: script('POLISHING', 'SUCCESS'),
    result: {outcome: 'ready'},
    requests: 7,
  },
  {
    row: 'a state nobody knows ends by the deadline',
    world: script(...Array(200).fill('CANCELLED')),
    result: {outcome: 'timed-out'},
    tells: /still CANCELLED/,
    requests: 91,
  },
  {
    row: 'deleted while waited for',
    world: script('BUILDING', 'GONE'),
    result: {outcome: 'deleted', reason: {code: 'RAILWAY_DELETED'}},
    tells: /deleted while/,
    requests: 6,
  },
]);

check('section 2: exactly this, live, or not at all', [
  {
    row: 'an id that Railway never knows is not believed',
    world: script('GONE'),
    result: {outcome: 'deleted'},
    tells: /does not know it/,
    requests: 11,
  },
  {
    row: 'SUCCESS of another commit is not green',
    world: (world) => {
      liveA(world);
      world.onMade = (row) => Object.assign(row.meta!, {commitHash: sha('c')});
    },
    result: {outcome: 'failed', reason: {code: 'RAILWAY_WRONG_COMMIT'}},
    tells: /cccc.*not bbbb/,
    requests: 8,
  },
  {
    row: 'SUCCESS without meta is good, with a warning',
    world: (world) => {
      liveA(world);
      world.onMade = (row) => {
        row.meta = null;
      };
    },
    result: {outcome: 'ready'},
    tells: /does not say which commit/,
    requests: 9,
  },
  {
    row: 'SUCCESS that never becomes active is not green',
    world: (world) => {
      liveA(world);
      world.activate = () => undefined;
    },
    result: {outcome: 'failed', reason: {code: 'RAILWAY_NOT_SERVING'}},
    tells: /not among the active deployments \(dep_1\)/,
    requests: 24,
  },
  {
    row: 'SUCCESS of a process that ended is not green',
    world: (world) => {
      liveA(world);
      world.activate = (row) => {
        world.active = [row.id];
        row.instances = ['EXITED'];
      };
    },
    result: {outcome: 'failed', reason: {code: 'RAILWAY_NOT_SERVING'}},
    tells: /none of its instances is running \(EXITED\)/,
    requests: 24,
  },
  {
    row: 'SUCCESS that was stopped is not green',
    world: (world) => {
      liveA(world);
      world.activate = (row) => {
        world.active = [row.id];
        row.script = [];
        Object.defineProperty(row, 'stopped', {get: () => true, set: () => undefined});
      };
    },
    result: {outcome: 'failed', reason: {code: 'RAILWAY_NOT_SERVING'}},
    tells: /it was stopped/,
    requests: 24,
  },
  {
    row: 'replaced right after SUCCESS is superseded',
    world: (world) => {
      liveA(world);
      world.activate = () => {
        world.active = [world.seed({commit: sha('c')}).id];
      };
    },
    result: {outcome: 'superseded'},
    tells: /superseded by dep_3/,
    requests: 9,
  },
  {
    row: 'crashed right after SUCCESS',
    world: (world) => {
      liveA(world);
      world.activate = (row) => {
        world.active = [];
        row.script = ['CRASHED'];
      };
    },
    result: {outcome: 'failed', reason: {code: 'RAILWAY_CRASHED'}},
    requests: 24,
  },
  {
    row: 'an empty id is no id: the deployment is looked up',
    world: (world) => {
      liveA(world);
      world.answers.serviceInstanceDeployV2 = '';
    },
    result: {outcome: 'ready', deploymentId: 'dep_2'},
    requests: 10,
  },
  {
    row: 'a null id is no id',
    world: (world) => {
      liveA(world);
      world.answers.serviceInstanceDeployV2 = null;
    },
    result: {outcome: 'ready', deploymentId: 'dep_2'},
    requests: 10,
  },
  {
    row: 'a deployment of the commit on its way is taken over',
    world: (world) => {
      liveA(world);
      world.seed({commit: shaB, status: 'BUILDING', stopped: true, instances: [], script: ['DEPLOYING', 'SUCCESS']});
    },
    result: {outcome: 'ready', adopted: true, deploymentId: 'dep_2'},
    writes: [],
    requests: 6,
  },
  {
    row: 'the commit that serves already is taken over',
    world: (world) => void world.seed({commit: shaB, active: true}),
    result: {outcome: 'ready', adopted: true, deploymentId: 'dep_1'},
    writes: [],
    requests: 5,
  },
  ...['FAILED', 'SKIPPED', 'REMOVED', 'CRASHED'].map((status) => ({
    row: `a ${status} deployment of the commit is not taken over`,
    world: (world: World) => {
      liveA(world);
      world.seed({commit: shaB, status});
    },
    result: {outcome: 'ready', adopted: false, deploymentId: 'dep_3'},
    requests: 9,
  })),
  {
    row: 'the commit that was stopped is deployed again',
    world: (world) => void world.seed({commit: shaB, active: true, stopped: true}),
    result: {outcome: 'ready', adopted: false},
    requests: 9,
  },
  ...['QUEUED', 'INITIALIZING', 'BUILDING', 'DEPLOYING', 'WAITING'].map((status) => ({
    row: `another commit in ${status} refuses the deployment`,
    world: (world: World) => {
      liveA(world);
      world.seed({commit: sha('c'), status});
    },
    result: {failure: 'RAILWAY_BUSY'},
    tells: /dep_2 \(commit cccccccccccc\).*nothing was changed/,
    writes: [],
    requests: 3,
  })),
  {
    row: 'another commit in NEEDS_APPROVAL is a warning',
    world: (world) => {
      liveA(world);
      world.seed({commit: sha('c'), status: 'NEEDS_APPROVAL'});
    },
    result: {outcome: 'ready'},
    tells: /waits for approval/,
    requests: 9,
  },
  {
    row: 'this commit WAITING for CI is explained',
    world: (world) => {
      liveA(world);
      world.seed({commit: shaB, status: 'WAITING'});
    },
    result: {failure: 'RAILWAY_WAITING_FOR_CI'},
    tells: /same commit waits for CI.*Switch off Wait for CI/,
    writes: [],
    requests: 3,
  },
  {
    row: 'automatic deploys on is a warning',
    world: (world) => {
      liveA(world);
      world.autoDeploy = true;
    },
    result: {outcome: 'ready'},
    tells: /Automatic deploys are on/,
    requests: 9,
  },
  {
    row: 'automatic deploys on is a refusal when so configured',
    options: {allowAutoDeploy: false},
    world: (world) => {
      liveA(world);
      world.autoDeploy = true;
    },
    result: {failure: 'RAILWAY_AUTO_DEPLOY'},
    tells: /Switch automatic deploys off/,
    writes: [],
    requests: 3,
  },
  {
    row: 'automatic deploys that this token may not read are a warning, for one request more',
    world: (world) => {
      liveA(world);
      world.refusedRoots.add('serviceInstanceAutoDeployStatus');
    },
    result: {outcome: 'ready'},
    tells: /could not be read/,
    requests: 10,
  },
  {
    row: 'a service without repository cannot build a commit',
    options: {source: 'commit'},
    world: (world) => {
      liveA(world);
      world.repo = null;
    },
    result: {failure: 'RAILWAY_SOURCE'},
    tells: /connected to no repository/,
    writes: [],
    requests: 3,
  },
  {
    row: 'a service of another repository is refused',
    options: {repository: 'acme/other'},
    result: {failure: 'RAILWAY_REPOSITORY'},
    tells: /acme\/shop, not to acme\/other/,
    writes: [],
    requests: 3,
  },
  {
    row: 'an image service without an image to deploy is refused',
    options: {source: 'image'},
    result: {failure: 'RAILWAY_SOURCE'},
    tells: /names no image/,
    writes: [],
    requests: 3,
  },
  {
    row: 'a short SHA is refused before any request about the service',
    act: ({railway, timed}) => railway.deploy({...release, commit: 'abc1234'}, timed),
    result: {failure: 'RAILWAY_COMMIT'},
    tells: /40 characters/,
    writes: [],
    requests: 2,
  },
]);

const image = `ghcr.io/acme/api@sha256:${'1'.repeat(64)}`;
const imageService = (world: World) => {
  world.repo = null;
  world.image = 'ghcr.io/acme/api:1';
  world.seed({image: 'ghcr.io/acme/api:1', active: true});
};

check('section 2.2: images', [
  {
    row: 'the image is set, read back, and started',
    world: imageService,
    options: {image},
    result: {outcome: 'ready', image},
    writes: ['serviceInstanceUpdate', 'serviceInstanceDeployV2'],
    requests: 10,
  },
  {
    row: 'the image that is set already is only started',
    world: (world) => {
      imageService(world);
      world.image = image;
    },
    options: {image},
    result: {outcome: 'ready', image},
    requests: 8,
  },
  {
    row: 'a true that changed nothing is not believed',
    world: (world) => {
      imageService(world);
      world.answers.serviceInstanceUpdate = true;
    },
    options: {image},
    result: {failure: 'RAILWAY_UNPROVEN'},
    writes: ['serviceInstanceUpdate', 'serviceInstanceUpdate', 'serviceInstanceUpdate'],
    requests: 15,
  },
  {
    row: 'the old image running after all is not green',
    world: (world) => {
      imageService(world);
      world.onMade = (row) => {
        row.meta = {image: 'ghcr.io/acme/api:1'};
      };
    },
    options: {image},
    result: {outcome: 'failed', reason: {code: 'RAILWAY_WRONG_IMAGE'}},
    writes: ['serviceInstanceUpdate', 'serviceInstanceDeployV2'],
    requests: 9,
  },
  {
    row: 'a pinned image that serves is taken over',
    world: (world) => {
      imageService(world);
      world.seed({image, active: true});
    },
    options: {image},
    result: {outcome: 'ready', adopted: true},
    writes: [],
    requests: 5,
  },
  {
    row: 'a tag that may have moved is deployed again',
    world: imageService,
    options: {image: 'ghcr.io/acme/api:1'},
    result: {outcome: 'ready', adopted: false},
    requests: 8,
  },
]);

const answerTo =
  (operation: string, message: string, code?: string, extra?: Record<string, unknown>) => (running: RunningWorld) =>
    void running.server.faults.push(fault(operation, graphqlError(message, code, extra), {times: 99}));

check('section 1.5: what a refusal says', [
  {
    row: 'Not Authorized lists both meanings',
    meddle: answerTo('serviceInstanceDeployV2', 'Not Authorized'),
    result: {failure: 'RAILWAY_AUTH'},
    tells: /does not exist, or this token may not touch it.*\[trace trace-9\].*workspace token/,
    writes: [],
    requests: 4,
  },
  {
    row: 'Project Token not found',
    meddle: answerTo('serviceInstanceDeployV2', 'Project Token not found'),
    result: {failure: 'RAILWAY_TOKEN'},
    tells: /new project token/,
    writes: [],
    requests: 4,
  },
  {
    row: 'two-factor authentication',
    meddle: answerTo('serviceInstanceDeployV2', 'Two Factor Authentication Required for workspace'),
    result: {failure: 'RAILWAY_TWO_FACTOR'},
    tells: /two-factor/,
    writes: [],
    requests: 4,
  },
  {
    row: 'Commit not found creates nothing',
    act: ({railway, timed}) => railway.deploy({...release, commit: sha('d')}, timed),
    result: {failure: 'RAILWAY_COMMIT_NOT_FOUND'},
    tells: /Push the commit/,
    requests: 4,
  },
  {
    row: 'BAD_USER_INPUT',
    meddle: answerTo('serviceInstanceDeployV2', 'Error in numReplicas - Invalid input', 'BAD_USER_INPUT'),
    result: {failure: 'RAILWAY_INPUT'},
    tells: /numReplicas/,
    writes: [],
    requests: 4,
  },
  {
    row: 'a field that vanished, with HTTP 200',
    meddle: answerTo('serviceInstance', 'Cannot query field "x" on type "Y".', 'GRAPHQL_VALIDATION_FAILED'),
    result: {failure: 'RAILWAY_SCHEMA'},
    tells: /Update this action/,
    writes: [],
    requests: 3,
  },
  {
    row: 'a field that vanished, with HTTP 400',
    meddle: ({server}) =>
      void server.faults.push(
        fault('serviceInstance', {
          kind: 'status',
          status: 400,
          body: JSON.stringify({errors: [{message: 'Cannot query', extensions: {code: 'GRAPHQL_VALIDATION_FAILED'}}]}),
        }),
      ),
    result: {failure: 'RAILWAY_SCHEMA'},
    writes: [],
    requests: 3,
  },
  {
    row: 'an unparsable document',
    meddle: ({server}) =>
      void server.faults.push(
        fault('serviceInstance', {
          kind: 'status',
          status: 400,
          body: JSON.stringify({errors: [{message: 'Syntax Error', extensions: {code: 'GRAPHQL_PARSE_FAILED'}}]}),
        }),
      ),
    result: {failure: 'RAILWAY_SCHEMA'},
    writes: [],
    requests: 3,
  },
  {
    row: 'Problem processing request that stays, in a read',
    meddle: answerTo('serviceInstance', 'Problem processing request'),
    result: {failure: 'RAILWAY_INTERNAL'},
    tells: /may lack the right/,
    writes: [],
    requests: 7,
  },
  {
    row: 'Problem processing request that stays, in the write: sent three times, each after a look',
    meddle: answerTo('serviceInstanceDeployV2', 'Problem processing request'),
    result: {failure: 'RAILWAY_INTERNAL'},
    writes: [],
    requests: 27,
  },
  {
    row: 'an action this state does not allow',
    meddle: answerTo('serviceInstanceDeployV2', 'Deployment is not restartable'),
    result: {failure: 'RAILWAY_STATE'},
    writes: [],
    requests: 4,
  },
  {
    row: 'a deployment rate limit in words is waited out',
    meddle: ({server}) =>
      void server.faults.push(fault('serviceInstanceDeployV2', graphqlError('service deployment rate limit exceeded'))),
    result: {outcome: 'ready'},
    requests: 17,
  },
  {
    row: 'a refusal nobody has seen yet',
    meddle: answerTo('serviceInstanceDeployV2', 'Free plan deploys are paused'),
    result: {failure: 'RAILWAY_REFUSED'},
    tells: /Free plan deploys are paused/,
    writes: [],
    requests: 4,
  },
  {
    row: '429 with Retry-After in the polls costs one look',
    meddle: ({server}) =>
      void server.faults.push(fault('deployment', {kind: 'status', status: 429, headers: {'retry-after': '30'}})),
    result: {outcome: 'ready'},
    requests: 10,
  },
  {
    row: '429 by Cloudflare is told apart',
    meddle: ({server}) =>
      void server.faults.push(
        fault('serviceInstance', {kind: 'status', status: 429, body: 'error code: 1015'}, {times: 99}),
      ),
    result: {failure: 'RAILWAY_RATE_LIMIT'},
    tells: /Cloudflare/,
    writes: [],
    requests: 7,
  },
  {
    row: '429 that asks for an hour is not waited out',
    meddle: ({server}) =>
      void server.faults.push(
        fault('serviceInstance', {kind: 'status', status: 429, headers: {'retry-after': '3600'}}),
      ),
    result: {failure: 'RAILWAY_RATE_LIMIT'},
    writes: [],
    requests: 3,
  },
  {
    row: '401 without a body',
    meddle: ({server}) => void server.faults.push(fault('serviceInstance', {kind: 'status', status: 401})),
    result: {failure: 'RAILWAY_AUTH'},
    writes: [],
    requests: 3,
  },
  {
    row: '404 is no answer of Railway',
    meddle: ({server}) =>
      void server.faults.push(fault('serviceInstance', {kind: 'status', status: 404, body: '<html>nginx</html>'})),
    result: {failure: 'RAILWAY_HTTP'},
    tells: /API address/,
    writes: [],
    requests: 3,
  },
  {
    row: '200 with a page is no answer',
    meddle: ({server}) =>
      void server.faults.push(fault('serviceInstance', {kind: 'status', status: 200, body: '<html>'}, {times: 99})),
    result: {failure: 'RAILWAY_ANSWER'},
    writes: [],
    requests: 7,
  },
  {
    row: '200 with null data and no error is no answer',
    meddle: ({server}) =>
      void server.faults.push(
        fault('serviceInstance', {kind: 'status', status: 200, body: '{"data":null}'}, {times: 99}),
      ),
    result: {failure: 'RAILWAY_ANSWER'},
    writes: [],
    requests: 7,
  },
  {
    row: 'Not Authorized that stays in the polls ends after three',
    meddle: answerTo('deployment', 'Not Authorized'),
    result: {failure: 'RAILWAY_AUTH'},
    requests: 7,
  },
  {
    row: 'Not Authorized once in the polls is survived',
    meddle: ({server}) => void server.faults.push(fault('deployment', graphqlError('Not Authorized'))),
    result: {outcome: 'ready'},
    requests: 10,
  },
]);

const live = ({railway, timed}: ReturnType<typeof adapterAt>) => railway.readLive(timed);
const findings = async ({railway, call}: ReturnType<typeof adapterAt>) => ({
  rows: (await railway.preflight({requiredVariables: []}, call))
    .filter((row) => ['token', 'service'].includes(row.check))
    .map((row) => `${row.check}: ${row.state}, ${row.found}`),
});

check('section 1.2 and 1.6: tokens and finding the service', [
  {
    row: 'a project token gives project and environment',
    act: live,
    result: {deploymentId: 'dep_1'},
    writes: [],
    requests: 3,
  },
  {
    row: 'a workspace token said to be one',
    options: {token: workspaceKey, tokenKind: 'workspace', project: 'prj_1'},
    act: live,
    result: {deploymentId: 'dep_1'},
    writes: [],
    requests: 4,
  },
  {
    row: 'a workspace token, not said',
    options: {token: workspaceKey, project: 'prj_1', environment: 'production'},
    act: live,
    result: {deploymentId: 'dep_1'},
    writes: [],
    requests: 5,
  },
  {
    row: 'a workspace token said to be a project token',
    options: {token: workspaceKey, tokenKind: 'project', project: 'prj_1'},
    act: findings,
    result: {
      rows: [
        expect.stringMatching(
          /^token: warning, workspace token, reaches workspace acme; the token was said to be of kind project/,
        ),
        expect.stringMatching(/^service: ok/),
      ],
    },
    writes: [],
    requests: 8,
  },
  {
    row: 'a project token said to be a workspace token',
    options: {tokenKind: 'workspace'},
    act: findings,
    result: {
      rows: [
        expect.stringMatching(
          /^token: warning, project token, reaches environment production of project shop, and nothing else; the token was said/,
        ),
        expect.stringMatching(/^service: ok/),
      ],
    },
    writes: [],
    requests: 6,
  },
  {
    row: 'an account token is named, with the advice to use less',
    options: {token: accountKey, tokenKind: 'account', project: 'prj_1'},
    act: findings,
    result: {rows: [expect.stringMatching(/^token: warning, account token/), expect.stringMatching(/^service: ok/)]},
    writes: [],
    requests: 7,
  },
  {
    row: 'an unknown token is refused under both headers',
    options: {token: 'nonsense'},
    act: live,
    result: {failure: 'RAILWAY_TOKEN'},
    tells: /neither header.*as project token.*as workspace or account token/,
    writes: [],
    requests: 2,
  },
  {
    row: 'an unknown token in preflight is a finding',
    options: {token: 'nonsense'},
    act: findings,
    result: {rows: [expect.stringMatching(/^token: problem/)]},
    writes: [],
    requests: 2,
  },
  {
    row: 'a workspace token without a project',
    options: {token: workspaceKey, tokenKind: 'workspace'},
    act: live,
    result: {failure: 'RAILWAY_SCOPE'},
    tells: /none was named/,
    writes: [],
    requests: 1,
  },
  {
    row: 'a foreign project',
    options: {token: workspaceKey, tokenKind: 'workspace', project: 'prj_9'},
    act: live,
    result: {failure: 'RAILWAY_AUTH'},
    writes: [],
    requests: 2,
  },
  {
    row: 'a project with two environments and none named',
    options: {token: workspaceKey, tokenKind: 'workspace', project: 'prj_1'},
    world: (world) => world.environments.push({id: 'env_2', name: 'staging'}),
    act: live,
    result: {failure: 'RAILWAY_SCOPE'},
    tells: /production, staging/,
    writes: [],
    requests: 2,
  },
  {
    row: 'a project token of another environment',
    options: {environment: 'staging'},
    act: live,
    result: {failure: 'RAILWAY_SCOPE'},
    tells: /reaches environment production of project shop/,
    writes: [],
    requests: 1,
  },
  {
    row: 'a service by id',
    options: {service: 'svc_1'},
    act: live,
    result: {deploymentId: 'dep_1'},
    writes: [],
    requests: 3,
  },
  {
    row: 'a pasted dashboard address',
    options: {service: 'https://railway.com/project/prj_1/service/svc_1?environmentId=env_1'},
    act: live,
    result: {deploymentId: 'dep_1'},
    writes: [],
    requests: 3,
  },
  {
    row: 'an unknown service names those there are',
    options: {service: 'Backend'},
    act: live,
    result: {failure: 'RAILWAY_SERVICE'},
    tells: /it has: backend/,
    writes: [],
    requests: 2,
  },
  {
    row: 'two services of one name are refused',
    world: (world) => world.services.push({serviceId: 'svc_2', serviceName: 'backend'}),
    act: live,
    result: {failure: 'RAILWAY_SERVICE'},
    tells: /2 services/,
    writes: [],
    requests: 2,
  },
  {
    row: 'domains that this token may not read',
    world: (world) => {
      liveA(world);
      world.refusedRoots.add('domains');
    },
    act: live,
    result: {deploymentId: 'dep_1', hosts: []},
    writes: [],
    requests: 4,
  },
]);

check('section 3: what runs now', [
  {
    row: 'active, not latest',
    world: (world) => {
      liveA(world);
      world.seed({commit: shaB, status: 'FAILED'});
    },
    act: live,
    result: {deploymentId: 'dep_1', commit: shaA},
    writes: [],
    requests: 3,
  },
  {
    row: 'during an overlap, the newer of two',
    world: (world) => {
      world.active = [world.seed({commit: shaA}).id, world.seed({commit: shaB}).id];
    },
    act: live,
    result: {deploymentId: 'dep_2'},
    writes: [],
    requests: 3,
  },
  {
    row: 'nothing active: what crashed is what to go back to',
    world: (world) => void world.seed({commit: shaA, status: 'CRASHED'}),
    act: live,
    result: {deploymentId: 'dep_1'},
    writes: [],
    requests: 3,
  },
  {
    row: 'nothing active: a removed one with its image kept',
    world: (world) => void world.seed({commit: shaA, status: 'REMOVED'}),
    act: live,
    result: {deploymentId: 'dep_1'},
    writes: [],
    requests: 3,
  },
  {
    row: 'nothing active and one on its way: wait',
    world: (world) => {
      world.seed({commit: shaA, status: 'REMOVED'});
      world.seed({commit: shaB, status: 'DEPLOYING'});
    },
    act: live,
    result: {failure: 'RAILWAY_BUSY'},
    writes: [],
    requests: 3,
  },
  {
    row: 'nothing ever ran',
    world: () => undefined,
    act: async (adapter) => ({live: (await live(adapter)) ?? 'nothing'}),
    result: {live: 'nothing'},
    writes: [],
    requests: 3,
  },
  {
    row: 'an image no longer kept can be built again',
    world: (world) => void world.seed({commit: shaA, active: true, canRollback: false}),
    act: live,
    result: {restorable: {by: 'rebuild'}},
    writes: [],
    requests: 3,
  },
  {
    row: 'an upload no longer kept cannot be brought back',
    world: (world) => {
      world.repo = null;
      world.seed({active: true, canRollback: false, canRedeploy: false});
    },
    act: live,
    result: {restorable: {by: 'none'}},
    writes: [],
    requests: 3,
  },
  {
    row: 'promotion of what serves changes nothing',
    act: ({railway, timed}) => railway.promote('dep_1', timed),
    result: {
      changed: false,
      hosts: [{host: 'api.shop.example', deploymentId: 'dep_1'}, {host: 'backend-x1y2.up.railway.app'}],
    },
    writes: [],
    requests: 3,
  },
  {
    row: 'promotion of what was replaced is refused',
    world: (world) => {
      world.seed({commit: shaA, status: 'REMOVED'});
      world.seed({commit: shaB, active: true});
    },
    act: ({railway, timed}) => railway.promote('dep_1', timed),
    result: {failure: 'RAILWAY_NOT_LIVE'},
    tells: /dep_2 replaced it/,
    writes: [],
    requests: 3,
  },
  {
    row: 'promotion of a failed one is refused',
    world: (world) => {
      liveA(world);
      world.seed({commit: shaB, status: 'FAILED'});
    },
    act: ({railway, timed}) => railway.promote('dep_2', timed),
    result: {failure: 'RAILWAY_NOT_LIVE'},
    tells: /failed/,
    writes: [],
    requests: 16,
  },
]);

const afterBadRelease = (world: World) => {
  world.seed({commit: shaA, status: 'REMOVED'});
  world.seed({commit: shaB, active: true});
};
const back =
  (
    options: Partial<{
      dryRun: boolean;
      allowRebuild: boolean;
      abandoned: string[];
      anchor: string;
      facts: Parameters<typeof anchorOf>[1];
    }> = {},
  ) =>
  ({railway, timed}: ReturnType<typeof adapterAt>) =>
    railway.rollback(anchorOf(options.anchor ?? 'dep_1', options.facts ?? {commit: shaA}), {
      ...timed,
      abandoned: options.abandoned ?? ['dep_2'],
      reason: 'gate failed',
      ...options,
    });
const rolled = ['deploymentRollback'];

check('section 5: rollback', [
  {
    row: 'one new deployment of the anchor, found by its new id',
    world: afterBadRelease,
    act: back(),
    result: {outcome: 'restored', by: 'rollback', live: {deploymentId: 'dep_3', commit: shaA}},
    writes: rolled,
    requests: 11,
  },
  {
    row: 'already on the anchor',
    world: liveA,
    act: back({abandoned: []}),
    result: {outcome: 'already', by: 'none', live: {deploymentId: 'dep_1'}},
    writes: [],
    requests: 4,
  },
  {
    row: 'already on another deployment of the anchor',
    world: (world) => {
      afterBadRelease(world);
      world.seed({commit: shaA, active: true});
    },
    act: back(),
    result: {outcome: 'already', live: {deploymentId: 'dep_3'}},
    writes: [],
    requests: 4,
  },
  {
    row: 'the same commit, but abandoned, is not the anchor',
    world: (world) => {
      world.seed({commit: shaA, status: 'REMOVED'});
      world.seed({commit: shaA, active: true});
    },
    act: back(),
    result: {outcome: 'restored', live: {deploymentId: 'dep_3'}},
    writes: rolled,
    requests: 11,
  },
  {
    row: 'on the anchor, but stopped, is not there',
    world: (world) => void world.seed({commit: shaA, active: true, stopped: true}),
    act: back({abandoned: []}),
    result: {outcome: 'restored'},
    writes: rolled,
    requests: 11,
  },
  {
    row: 'on the anchor, but crashed, is not there',
    world: (world) => void world.seed({commit: shaA, active: true, status: 'CRASHED', instances: ['CRASHED']}),
    act: back({abandoned: []}),
    result: {outcome: 'restored'},
    writes: rolled,
    requests: 11,
  },
  {
    row: 'the abandoned one in flight is cancelled first',
    world: (world) => {
      liveA(world);
      world.seed({commit: shaB, status: 'BUILDING'});
    },
    act: back(),
    result: {
      outcome: 'already',
      live: {deploymentId: 'dep_1'},
      warnings: [expect.stringMatching(/^Cancelled deployment dep_2/)],
    },
    writes: ['deploymentCancel'],
    requests: 8,
  },
  {
    row: 'so is an automatic deployment of the same commit',
    world: (world) => {
      afterBadRelease(world);
      world.seed({commit: shaB, status: 'WAITING'});
    },
    act: back(),
    result: {outcome: 'restored', warnings: [expect.stringMatching(/^Cancelled deployment dep_3/), expect.anything()]},
    writes: ['deploymentCancel', 'deploymentRollback'],
    requests: 15,
  },
  {
    row: 'cancelled may leave FAILED behind',
    world: (world) => {
      liveA(world);
      world.cancelLeaves = 'FAILED';
      world.seed({commit: shaB, status: 'BUILDING'});
    },
    act: back(),
    result: {outcome: 'already'},
    writes: ['deploymentCancel'],
    requests: 8,
  },
  {
    row: 'cancelled may leave a state of its own behind',
    world: (world) => {
      liveA(world);
      world.cancelLeaves = 'CANCELLED';
      world.seed({commit: shaB, status: 'BUILDING'});
    },
    act: back(),
    result: {outcome: 'already'},
    writes: ['deploymentCancel'],
    requests: 8,
  },
  {
    row: 'false is not a rollback',
    world: (world) => {
      afterBadRelease(world);
      world.answers.deploymentRollback = false;
    },
    act: back(),
    result: {failure: 'RAILWAY_UNPROVEN'},
    writes: ['deploymentRollback', 'deploymentRollback', 'deploymentRollback'],
    requests: 28,
  },
  {
    row: 'true and nothing appears: not repeated, told',
    world: (world) => {
      afterBadRelease(world);
      world.answers.deploymentRollback = true;
    },
    act: back(),
    result: {failure: 'RAILWAY_ROLLBACK_NOT_SEEN'},
    tells: /no deployment of the anchor appeared/,
    writes: rolled,
    requests: 18,
  },
  {
    row: 'two appear: stop and report',
    world: (world) => {
      afterBadRelease(world);
      world.rollbackDelay = 0;
      world.onMade = () => {
        world.onMade = () => undefined;
        world.seed({commit: sha('c'), status: 'BUILDING'});
      };
    },
    act: back(),
    result: {failure: 'RAILWAY_ROLLBACK_CONTESTED'},
    tells: /someone else is deploying/,
    writes: rolled,
    requests: 6,
  },
  {
    row: 'a skipped automatic deployment beside it does not matter',
    world: (world) => {
      afterBadRelease(world);
      world.rollbackDelay = 0;
      world.onMade = () => {
        world.onMade = () => undefined;
        world.seed({commit: sha('c'), status: 'SKIPPED'});
      };
    },
    act: back(),
    result: {outcome: 'restored'},
    writes: rolled,
    requests: 10,
  },
  {
    row: 'the new one fails',
    world: (world) => {
      afterBadRelease(world);
      world.nextScript = ['DEPLOYING', 'FAILED'];
      world.deploymentLog = ['no such table'];
    },
    act: back(),
    result: {failure: 'RAILWAY_ROLLBACK_FAILED'},
    tells: /did not come to serve.*failed/,
    writes: rolled,
    requests: 11,
  },
  {
    row: 'the new one never ends',
    world: (world) => {
      afterBadRelease(world);
      world.nextScript = Array(300).fill('QUEUED');
    },
    act: back(),
    result: {failure: 'RAILWAY_ROLLBACK_FAILED'},
    tells: /Run the rollback again.*taken over/,
    writes: rolled,
    requests: 94,
  },
  {
    row: 'a rollback on its way is followed, not repeated',
    world: (world) => {
      afterBadRelease(world);
      world.seed({commit: shaA, status: 'DEPLOYING', script: ['SUCCESS']});
    },
    act: back(),
    result: {outcome: 'restored', live: {deploymentId: 'dep_3'}},
    writes: [],
    requests: 6,
  },
  {
    row: 'an image no longer kept, and no leave to build',
    world: (world) => {
      afterBadRelease(world);
      world.get('dep_1')!.canRollback = false;
    },
    act: back(),
    result: {failure: 'RAILWAY_NO_WAY_BACK'},
    tells: /can be built again.*Allow the rebuild/,
    writes: [],
    requests: 4,
  },
  {
    row: 'an image no longer kept is built again from its commit',
    world: (world) => {
      afterBadRelease(world);
      world.get('dep_1')!.canRollback = false;
    },
    act: back({allowRebuild: true}),
    result: {
      outcome: 'restored',
      by: 'rebuild',
      live: {commit: shaA},
      warnings: [expect.stringMatching(/build commit a+ again/)],
    },
    writes: started,
    requests: 10,
  },
  {
    row: 'another deployment of the anchor keeps the image',
    world: (world) => {
      afterBadRelease(world);
      world.get('dep_1')!.canRollback = false;
      world.seed({commit: shaA, status: 'REMOVED', createdAt: 1});
    },
    act: back(),
    result: {outcome: 'restored', by: 'rollback'},
    writes: rolled,
    requests: 12,
  },
  {
    row: 'Railway refuses after all: built again',
    world: (world) => {
      afterBadRelease(world);
      world.root.deploymentRollback = () => {
        world.mutations.push('deploymentRollback');
        throw new Error('image expired');
      };
    },
    act: back({allowRebuild: true}),
    result: {outcome: 'restored', by: 'rebuild'},
    writes: ['deploymentRollback', 'serviceInstanceDeployV2'],
    requests: 11,
  },
  {
    row: 'Railway refuses after all, and no leave to build',
    world: (world) => {
      afterBadRelease(world);
      world.root.deploymentRollback = () => {
        throw new Error('image expired');
      };
    },
    act: back(),
    result: {failure: 'RAILWAY_NO_WAY_BACK'},
    tells: /image expired/,
    writes: [],
    requests: 5,
  },
  {
    row: 'the anchor is forgotten, its commit is not',
    world: (world) => void world.seed({id: 'dep_2', commit: shaB, active: true}),
    act: back({allowRebuild: true}),
    result: {outcome: 'restored', by: 'rebuild'},
    writes: started,
    requests: 11,
  },
  {
    row: 'the anchor is forgotten and there is nothing to build',
    world: (world) => {
      world.repo = null;
      world.seed({id: 'dep_2', active: true});
    },
    act: back({allowRebuild: true, facts: {}}),
    result: {failure: 'RAILWAY_NO_WAY_BACK'},
    tells: /no commit or image/,
    writes: [],
    requests: 5,
  },
  {
    row: 'an image anchor is deployed again by its image',
    world: (world) => {
      imageService(world);
      world.seed({image, active: true});
      world.image = image;
      world.get('dep_1')!.canRollback = false;
    },
    act: back({allowRebuild: true, facts: {image: 'ghcr.io/acme/api:1'}}),
    result: {outcome: 'restored', by: 'rebuild', live: {image: 'ghcr.io/acme/api:1'}},
    writes: ['serviceInstanceUpdate', 'serviceInstanceDeployV2'],
    requests: 11,
  },
  {
    row: 'an upload anchor is built again from its own source',
    world: (world) => {
      world.repo = null;
      world.seed({
        meta: {cliMessage: `x [switchback release=r0 commit=${shaA}]`},
        status: 'REMOVED',
        canRollback: false,
      });
      world.seed({id: 'dep_2', meta: {cliMessage: `x [switchback release=r1 commit=${shaB}]`}, active: true});
    },
    act: back({allowRebuild: true}),
    result: {outcome: 'restored', by: 'rebuild', live: {commit: shaA}},
    writes: ['deploymentRedeploy'],
    requests: 10,
  },
  {
    row: 'a dry run writes nothing and says what it would do',
    world: (world) => {
      afterBadRelease(world);
      world.seed({commit: shaB, status: 'BUILDING'});
    },
    act: back({dryRun: true}),
    result: {
      live: {deploymentId: 'dep_2'},
      warnings: [
        expect.stringMatching(/^Dry run: would cancel deployment dep_3/),
        expect.stringMatching(/^Dry run: nothing was changed; would roll back to deployment dep_1/),
      ],
    },
    writes: [],
    requests: 3,
  },
  {
    row: 'variables that differ are named, by name only',
    world: (world) => {
      afterBadRelease(world);
      world.snapshots.dep_1 = {DATABASE_URL: 'postgres://app:older@db/app', EMPTY: '', RAILWAY_DEPLOYMENT_ID: 'x'};
    },
    act: back(),
    result: {outcome: 'restored', warnings: [expect.stringMatching(/differ from now: DATABASE_URL\. A secret/)]},
    writes: rolled,
    requests: 11,
  },
  {
    row: 'variables that may not be read do not stop a rollback',
    world: (world) => {
      afterBadRelease(world);
      world.refusedRoots.add('deploymentSnapshot');
    },
    act: back(),
    result: {outcome: 'restored', warnings: [expect.stringMatching(/could not be compared/)]},
    writes: rolled,
    requests: 11,
  },
  {
    row: 'automatic deploys on is said: the next push ships it again',
    world: (world) => {
      afterBadRelease(world);
      world.autoDeploy = true;
      world.snapshots.dep_1 = {DATABASE_URL: 'postgres://app:s3cret-db@db.railway.internal/app', EMPTY: ''};
    },
    act: back(),
    result: {outcome: 'restored', warnings: [expect.stringMatching(/next push ships the abandoned commit again/)]},
    writes: rolled,
    requests: 11,
  },
  {
    row: 'a foreign deployment on its way is warned of',
    world: (world) => {
      afterBadRelease(world);
      world.seed({commit: sha('c'), status: 'BUILDING'});
    },
    act: back({dryRun: true}),
    result: {warnings: [expect.stringMatching(/dep_3 of someone else is BUILDING/), expect.anything()]},
    writes: [],
    requests: 3,
  },
]);

const cancel =
  (id: string) =>
  async ({railway, call}: ReturnType<typeof adapterAt>) => ({cancelled: await railway.cancel(id, call)});

check('section 5: cancel', [
  ...['QUEUED', 'WAITING', 'NEEDS_APPROVAL', 'INITIALIZING', 'BUILDING', 'DEPLOYING'].map((status) => ({
    row: `${status} is cancelled and read back`,
    world: (world: World) => void world.seed({status}),
    act: cancel('dep_1'),
    result: {cancelled: true},
    writes: ['deploymentCancel'],
    requests: 5,
  })),
  ...['SUCCESS', 'SLEEPING', 'FAILED', 'CRASHED', 'SKIPPED', 'REMOVING', 'REMOVED'].map((status) => ({
    row: `${status} had ended`,
    world: (world: World) => void world.seed({status}),
    act: cancel('dep_1'),
    result: {cancelled: false},
    writes: [],
    requests: 3,
  })),
  {row: 'an unknown id had ended', act: cancel('dep_9'), result: {cancelled: false}, writes: [], requests: 3},
  {
    row: 'it went live first',
    world: (world) => {
      world.cancelLeaves = 'SUCCESS';
      world.seed({status: 'DEPLOYING'});
    },
    act: cancel('dep_1'),
    result: {cancelled: false},
    writes: ['deploymentCancel'],
    requests: 5,
  },
  {
    row: 'a true that cancelled nothing is not believed',
    world: (world) => {
      world.answers.deploymentCancel = true;
      world.seed({status: 'QUEUED'});
    },
    act: cancel('dep_1'),
    result: {failure: 'RAILWAY_UNPROVEN'},
    writes: ['deploymentCancel', 'deploymentCancel'],
    requests: 33,
  },
]);

const window = {startMs: Date.UTC(2026, 0, 1), endMs: Date.UTC(2026, 0, 1, 0, 10)};
const traffic = ({railway, call}: ReturnType<typeof adapterAt>) => railway.traffic(window, call);

check('section 8: traffic', [
  {row: 'no traffic is empty, not healthy', act: traffic, result: {state: 'empty'}, writes: [], requests: 3},
  {
    row: 'samples of zero are no traffic',
    world: (world) => {
      world.byStatus = {200: [0, 0]};
    },
    act: traffic,
    result: {state: 'empty'},
    writes: [],
    requests: 3,
  },
  {
    row: 'counts by status, and percentiles of the whole window',
    world: (world) => {
      world.byStatus = {200: [90, 5], 500: [3], 404: [2]};
      world.durations = [{ts: 1, p50: 12, p90: 40, p95: 55.5, p99: 120}];
    },
    act: traffic,
    result: {
      state: 'measured',
      requests: 100,
      byStatus: {200: 95, 404: 2, 500: 3},
      duration: {p50Ms: 12, p90Ms: 40, p95Ms: 55.5, p99Ms: 120},
    },
    writes: [],
    requests: 3,
  },
  {
    row: 'several samples are not averaged',
    world: (world) => {
      world.byStatus = {200: [1]};
      world.durations = [
        {ts: 1, p50: 10, p90: 20, p95: 30, p99: 40},
        {ts: 2, p50: 5, p90: 50, p95: 60, p99: 70},
      ];
    },
    act: traffic,
    result: {duration: {p50Ms: 10, p90Ms: 50}},
    writes: [],
    requests: 3,
  },
  {
    row: 'counts without percentiles',
    world: (world) => {
      world.byStatus = {200: [1]};
    },
    act: traffic,
    result: {state: 'measured', requests: 1},
    writes: [],
    requests: 3,
  },
  {
    row: 'a token without the right',
    world: (world) => void world.refusedRoots.add('httpMetricsGroupedByStatus'),
    act: traffic,
    result: {failure: 'RAILWAY_AUTH'},
    tells: /workspace token for the traffic figures/,
    writes: [],
    requests: 3,
  },
]);

test('no key of ours is in anything the adapter said', async () => {
  const {text, running} = await observe({
    row: '',
    meddle: answerTo('serviceInstanceDeployV2', `Not Authorized for token=${projectKey}`),
    result: {},
    requests: 0,
  });
  await using _close = running;
  expect(text).not.toContain(projectKey);
});
