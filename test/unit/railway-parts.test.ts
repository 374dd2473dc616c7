import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {failureOf, httpFailure, retryAfterMs} from '../../src/platforms/railway/answers.js';
import {cleanLine} from '../../src/platforms/railway/clean.js';
import {factsOf} from '../../src/platforms/railway/facts.js';
import {isPinned, sameImage} from '../../src/platforms/railway/image.js';
import {mergeLimits, readLimits} from '../../src/platforms/railway/limits.js';
import {markedMessage, readMarker} from '../../src/platforms/railway/marker.js';
import {pollDelayMs} from '../../src/platforms/railway/polling.js';
import {openRailway} from '../../src/platforms/railway/railway.js';
import {classOf, isInFlight, knownStates, mayGoLive} from '../../src/platforms/railway/states.js';
import {dashboardUrl, readWanted} from '../../src/platforms/railway/target.js';
import {maskAll} from '../../src/platforms/railway/variables.js';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

describe('images', () => {
  test.each<[rule: string, a: string | undefined, b: string | undefined, same: boolean]>([
    ['equal digests decide, whatever the tags', `x/y:1@${digest('1')}`, `x/y:2@${digest('1')}`, true],
    ['unequal digests decide, whatever the tags', `x/y:1@${digest('1')}`, `x/y:1@${digest('2')}`, false],
    ['without two digests the tag decides', `x/y:1@${digest('1')}`, 'x/y:1', true],
    ['another tag', 'x/y:1', 'x/y:2', false],
    ['no tag is latest', 'x/y', 'x/y:latest', true],
    ['a digest alone says nothing of a tag', `x/y@${digest('1')}`, 'x/y:1', false],
    ['Docker Hub may be left out', 'docker.io/library/redis:7', 'redis:7', true],
    ['a port is no tag', 'localhost:5000/a', 'localhost:5000/a:latest', true],
    ['nothing equals nothing known', undefined, undefined, false],
  ])('%s', (_rule, a, b, same) => {
    expect(sameImage(a, b)).toBe(same);
    expect(sameImage(b, a)).toBe(same);
  });

  test('only a digest pins', () => {
    expect([isPinned('x/y:1'), isPinned(`x/y@${digest('1')}`)]).toEqual([false, true]);
  });
});

describe('states', () => {
  test('there are 13, and each has one meaning', () => {
    expect(knownStates.length).toBe(13);
    expect(knownStates.map((state) => `${state} ${classOf(state)}${isInFlight(state) ? ', in flight' : ''}`)).toEqual([
      'QUEUED in-flight, in flight',
      'INITIALIZING in-flight, in flight',
      'BUILDING in-flight, in flight',
      'DEPLOYING in-flight, in flight',
      'WAITING waiting, in flight',
      'NEEDS_APPROVAL needs-approval, in flight',
      'SUCCESS good',
      'SLEEPING good',
      'FAILED failed',
      'CRASHED crashed',
      'SKIPPED skipped',
      'REMOVING gone',
      'REMOVED gone',
    ]);
  });

  test('any other value is unknown: not claimed to be in flight, and cancelled to be sure unless its name says it is over', () => {
    fc.assert(
      fc.property(fc.string(), (state) => {
        fc.pre(!knownStates.includes(state));
        expect([classOf(state), isInFlight(state)]).toEqual(['unknown', false]);
      }),
    );
    expect([mayGoLive('POLISHING'), mayGoLive('CANCELLED'), mayGoLive('toString')]).toEqual([true, false, true]);
  });
});

describe('foreign text', () => {
  test.each([
    ['a password in a URL', 'at postgres://app:hunter2@db:5432/x now', 'at postgres://app:***@db:5432/x now'],
    ['a bearer token', 'Authorization: Bearer abcdefgh12345', 'Authorization: Bearer ***'],
    ['a variable', 'API_KEY=abc123 PORT=80', 'API_KEY=*** PORT=80'],
    ['JSON', '{"password":"p w","port":80}', '{"password":***,"port":80}'],
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['line breaks and overrides', 'a\r\nb\u2028c\u202ed', 'a b c d'],
  ])('%s', (_what, text, clean) => expect(cleanLine(text)).toBe(clean));

  test('is one bounded line, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary', maxLength: 2_000}), fc.integer({min: 1, max: 400}), (text, max) => {
        const line = cleanLine(text, max);
        expect(line.length).toBeLessThanOrEqual(max);
        expect(['\r', '\n', '\u2028', '\u2029', '\0', '\u001b'].filter((bad) => line.includes(bad))).toEqual([]);
      }),
    );
  });

  test('a password is never kept, whatever stands around it', () => {
    fc.assert(
      fc.property(fc.string({maxLength: 60}), fc.stringMatching(/^[A-Za-z0-9]{12,24}$/), (around, secret) => {
        expect(cleanLine(`${around} postgres://app:${secret}@db/x`, 2_000)).not.toContain(secret);
      }),
    );
  });
});

describe('facts', () => {
  test('whatever meta holds, nothing breaks, and what has no id or state is not believed', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (id, status, meta) => {
        const facts = factsOf({id, status, meta} as never);
        const believable = typeof id === 'string' && id !== '' && typeof status === 'string' && status !== '';
        expect(facts !== undefined).toBe(believable);
      }),
    );
  });

  test('the digest is joined to the image, in either spelling', () => {
    const of = (meta: object) => factsOf({id: 'd', status: 'SUCCESS', meta})?.image;
    expect(of({image: 'x/y:1', imageDigest: digest('1')})).toBe(`x/y:1@${digest('1')}`);
    expect(of({image: 'x/y:1', imageDigest: `x/y@${digest('1')}`})).toBe(`x/y:1@${digest('1')}`);
    expect(of({image: `x/y@${digest('2')}`, imageDigest: digest('1')})).toBe(`x/y@${digest('2')}`);
  });

  test('the mark of an upload comes back', () => {
    fc.assert(
      fc.property(
        fc.string({maxLength: 400}),
        fc.stringMatching(/^[a-z0-9-]{1,40}$/),
        fc.stringMatching(/^[0-9a-f]{40}$/),
        (message, release, commit) => {
          fc.pre(!message.includes('[switchback'));
          expect(readMarker(markedMessage(message, {release, commit}))).toEqual({release, commit});
        },
      ),
    );
  });
});

describe('masking', () => {
  test('hides what may be secret, and no word that a log is made of', () => {
    const hidden: string[] = [];
    const values = new Map([
      ['DATABASE_URL', 'postgres://a:b@c/d'],
      ['NODE_ENV', 'production'],
      ['PORT', '8080'],
      ['RAILWAY_SERVICE_NAME', 'backend-service'],
      ['RAILWAY_TOKEN', 'tok-123456'],
      ['REFERENCE', '\u0024{{Postgres.DATABASE_URL}}'],
      ['SEALED', undefined],
    ]);
    maskAll(values, (value) => void hidden.push(value));
    expect(hidden).toEqual(['postgres://a:b@c/d', 'tok-123456']);
  });
});

describe('quota', () => {
  const now = 1_700_000_000_000;
  test.each([
    ['as measured', {'ratelimit-policy': '"default";q=1000;w=3600'}, {limit: 1000, windowS: 3600}],
    [
      'as documented',
      {'x-ratelimit-limit': '10000', 'x-ratelimit-remaining': '12', 'x-ratelimit-reset': '60'},
      {limit: 10_000, remaining: 12, resetAtMs: now + 60_000},
    ],
    ['reset as epoch seconds', {'x-ratelimit-reset': '1700000060'}, {resetAtMs: now + 60_000}],
    ['reset as epoch milliseconds', {'x-ratelimit-reset': '1700000060000'}, {resetAtMs: now + 60_000}],
    ['the later draft', {ratelimit: '"default";r=50;t=30'}, {remaining: 50, resetAtMs: now + 30_000}],
    ['none', {}, {}],
    ['nonsense', {'x-ratelimit-limit': 'many', 'ratelimit-policy': 'none'}, {}],
  ] as const)('%s', (_what, headers, limits) => {
    const read = readLimits(new Headers(headers), now);
    expect(JSON.parse(JSON.stringify(read))).toEqual(limits);
    expect(mergeLimits({limit: 7}, read).limit).toBe(read.limit ?? 7);
  });

  test.each([
    ['7', 7_000],
    ['0.5', 500],
    [new Date(now + 90_000).toUTCString(), 90_000],
    [new Date(now - 90_000).toUTCString(), 0],
    ['soon', undefined],
    ['', undefined],
  ])('Retry-After %s', (value, ms) => expect(retryAfterMs(value, now)).toBe(ms));

  test('ten minutes of polling take at most 70 requests', () => {
    let requests = 0;
    for (let elapsedMs = 0; elapsedMs < 600_000; elapsedMs += pollDelayMs(5_000, elapsedMs)) requests++;
    expect(requests).toBe(64);
    expect([0, 119_999, 120_000, 359_999, 360_000].map((ms) => pollDelayMs(5_000, ms))).toEqual([
      5_000, 5_000, 10_000, 10_000, 15_000,
    ]);
  });
});

describe('answers', () => {
  test('every refusal has a remedy, whatever its words', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (message, code) => {
        const failure = failureOf('x', [{message, extensions: {code}}], 200);
        expect(failure.remedy.length).toBeGreaterThan(10);
        expect(failure.message.length).toBeLessThan(600);
      }),
    );
  });

  test('every HTTP status has a remedy, and only passing ones are repeated', () => {
    for (let status = 200; status < 600; status++) {
      const failure = httpFailure('x', status, '<html>', undefined);
      expect(failure.remedy.length).toBeGreaterThan(10);
      expect(failure.retryable).toBe(status === 429 || status === 408 || status >= 500 || status < 300);
    }
  });
});

describe('options', () => {
  const options = {token: 't', service: 's'};

  test.each([
    ['https://backboard.railway.com', true],
    ['https://backboard.railway.com/', true],
    ['http://127.0.0.1:4000', true],
    ['http://localhost:4000', true],
    ['http://[::1]:4000', true],
    ['http://backboard.railway.com', false],
    ['http://127.0.0.1.evil.example', false],
    ['ftp://x', false],
    ['nonsense', false],
  ])('the token goes to %s: %s', (apiUrl, allowed) => {
    const open = () => openRailway({...options, apiUrl});
    if (allowed) expect(open().name).toBe('railway');
    else expect(open).toThrow(expect.objectContaining({code: 'RAILWAY_URL'}));
  });

  test('an empty token and an empty service are refused', () => {
    expect(() => openRailway({...options, token: ' '})).toThrow(expect.objectContaining({code: 'RAILWAY_TOKEN'}));
    expect(() => openRailway({...options, service: ''})).toThrow(expect.objectContaining({code: 'RAILWAY_SERVICE'}));
  });

  test('a pasted address gives its ids, and goes back to the same address', () => {
    const scope = {projectId: 'p-1', environmentId: 'e-1', serviceId: 's-1'};
    expect(readWanted({service: dashboardUrl(scope)})).toEqual({project: 'p-1', environment: 'e-1', service: 's-1'});
    expect(readWanted({service: dashboardUrl(scope), environment: 'production'}).environment).toBe('production');
    expect(readWanted({service: 'backend', project: 'p'})).toEqual({
      project: 'p',
      environment: undefined,
      service: 'backend',
    });
    expect(readWanted({service: 'https://example.com/x'}).service).toBe('https://example.com/x');
  });
});
