import {afterEach, describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {decide, diagnose, type EdgeRequest, type EdgeRules} from '../../src/rehearsal/railway/edge-rules.js';
import {environmentId, type Fixture, serviceId, startFixture, until} from './railway-stand-in.fixture.js';

/** Edge rules: their limits, their decision, and the public front that obeys them. */

const rule = (priority: number, condition: unknown, then: unknown, more: object = {}) => ({
  priority,
  if: condition,
  then,
  ...more,
});
const everyPath = {attr: 'http.path', op: 'matches', value: '/*'};
const block = (status?: number, body?: string) => ({
  action: 'block',
  params: {...(status ? {status} : {}), ...(body ? {body} : {})},
});
const set = (...rules: unknown[]) => ({version: 1, rules});

describe('the limits of a ruleset', () => {
  test.each<[what: string, document: unknown, code: string, path: string]>([
    ['another version', {version: 2, rules: []}, 'invalid_version', 'version'],
    ['no list', {version: 1, rules: {}}, 'invalid_type', 'rules'],
    ['block 503', set(rule(1, everyPath, block(503))), 'invalid_status', 'rules[0].then.params.status'],
    ['block 399', set(rule(1, everyPath, block(399))), 'invalid_status', 'rules[0].then.params.status'],
    [
      'a long body',
      set(rule(1, everyPath, block(403, 'x'.repeat(4_097)))),
      'invalid_body',
      'rules[0].then.params.body',
    ],
    [
      'headers on a block',
      set(rule(1, everyPath, {action: 'block', params: {headers: {}}})),
      'unknown_field',
      'rules[0].then.params.headers',
    ],
    [
      'a priority used twice',
      set(rule(1, everyPath, block()), rule(1, everyPath, block())),
      'duplicate_priority',
      'rules[1].priority',
    ],
    ['a negative priority', set(rule(-1, everyPath, block())), 'invalid_priority', 'rules[0].priority'],
    [
      'a long description',
      set(rule(1, everyPath, block(), {description: 'x'.repeat(257)})),
      'invalid_description',
      'rules[0].description',
    ],
    ['an invented id', set(rule(1, everyPath, block(), {id: 'mine'})), 'invalid_id', 'rules[0].id'],
    [
      'an unknown attribute',
      set(rule(1, {attr: 'http.method', op: 'eq', value: 'GET'}, block())),
      'unknown_attribute',
      'rules[0].if.attr',
    ],
    [
      'an operator of another attribute',
      set(rule(1, {attr: 'http.path', op: 'in', value: ['/a']}, block())),
      'unsupported_operator',
      'rules[0].if.op',
    ],
    [
      'a header without its name',
      set(rule(1, {attr: 'http.header', op: 'eq', value: 'x'}, block())),
      'invalid_key',
      'rules[0].if.key',
    ],
    [
      'a list for one value',
      set(rule(1, {attr: 'http.path', op: 'eq', value: ['/a']}, block())),
      'invalid_value',
      'rules[0].if.value',
    ],
    [
      'an address that is none',
      set(rule(1, {attr: 'ipv4.src', op: 'eq', value: '300.1.1.1'}, block())),
      'invalid_ip',
      'rules[0].if.value',
    ],
    [
      'too many values',
      set(rule(1, {attr: 'ipv4.src', op: 'in', value: Array(65).fill('10.0.0.1')}, block())),
      'too_many_values',
      'rules[0].if.value',
    ],
    [
      'too many wildcards',
      set(rule(1, {attr: 'http.path', op: 'matches', value: '*'.repeat(9)}, block())),
      'too_many_wildcards',
      'rules[0].if.value',
    ],
    ['too many clauses', set(rule(1, {or: Array(33).fill(everyPath)}, block())), 'too_many_clauses', 'rules[0].if'],
    [
      'too deep',
      set(rule(1, {not: {not: {not: {not: everyPath}}}}, block())),
      'too_deep',
      'rules[0].if.not.not.not.not',
    ],
    ['an unknown action', set(rule(1, everyPath, {action: 'respond'})), 'unknown_action', 'rules[0].then.action'],
    [
      'a redirect to nowhere',
      set(rule(1, everyPath, {action: 'redirect'})),
      'invalid_redirect',
      'rules[0].then.params',
    ],
    [
      'a redirect with 303',
      set(rule(1, everyPath, {action: 'redirect', params: {host: 'a.example', status: 303}})),
      'invalid_status',
      'rules[0].then.params.status',
    ],
    [
      'a cache for no time',
      set(rule(1, everyPath, {action: 'cache_override', params: {ttl_seconds: 0}})),
      'invalid_ttl',
      'rules[0].then.params.ttl_seconds',
    ],
    [
      'more than 64 KiB',
      set(...Array.from({length: 20}, (_, i) => rule(i, everyPath, block(403, 'x'.repeat(4_000))))),
      'too_large',
      '',
    ],
  ])('%s is refused', (_what, document, code, path) => {
    expect(diagnose(document)).toContainEqual({code, path, message: expect.any(String)});
  });

  test('what the documentation shows is fine', () => {
    const documented = set(
      rule(
        10,
        {
          and: [
            {attr: 'http.path', op: 'matches', value: '/admin*'},
            {attr: 'ipv4.src', op: 'in', value: ['203.0.113.0/24', '198.51.100.7']},
          ],
        },
        {action: 'allow'},
        {enabled: true, description: 'Office'},
      ),
      rule(
        20,
        {or: [everyPath, {not: {attr: 'http.header', key: 'x-client-type', op: 'eq', value: 'trusted'}}]},
        block(403, 'Forbidden'),
      ),
      rule(30, {attr: 'http.path', op: 'matches', value: '/api*'}, {action: 'cache_override', params: {bypass: true}}),
    );
    expect(diagnose(documented)).toEqual([]);
  });
});

describe('the decision of a ruleset', () => {
  const request: EdgeRequest = {
    ipv4: '203.0.113.7',
    host: 'shop.example',
    path: '/api/items',
    query: '?a=1',
    headers: {'x-client': 'mobile'},
  };
  const decideOn = (rules: unknown[], change: Partial<EdgeRequest> = {}) =>
    decide(set(...rules) as EdgeRules, {...request, ...change});

  test.each<[what: string, rules: unknown[], decision: object, change?: Partial<EdgeRequest>]>([
    ['no rule forwards', [], {action: 'forward'}],
    [
      'a block answers 403 unless told otherwise',
      [rule(1, everyPath, {action: 'block'})],
      {action: 'block', status: 403, body: ''},
    ],
    [
      'the lower priority decides, wherever it stands',
      [rule(9, everyPath, block(429)), rule(1, {attr: 'http.path', op: 'eq', value: '/api/items'}, {action: 'allow'})],
      {action: 'forward'},
    ],
    ['a rule that is off is passed over', [rule(1, everyPath, block(), {enabled: false})], {action: 'forward'}],
    [
      'a cache rule goes on to later ones',
      [rule(1, everyPath, {action: 'cache_override', params: {bypass: true}}), rule(2, everyPath, block(410))],
      {action: 'block', status: 410, body: ''},
    ],
    [
      'a negative comparison with nothing is not true',
      [rule(1, {attr: 'http.header', key: 'x-absent', op: 'neq', value: 'a'}, block())],
      {action: 'forward'},
    ],
    [
      'header names ignore case',
      [rule(1, {attr: 'http.header', key: 'X-Client', op: 'eq', value: 'mobile'}, block())],
      {action: 'block', status: 403, body: ''},
    ],
    [
      'an address is matched in its range',
      [rule(1, {attr: 'ipv4.src', op: 'in', value: ['203.0.113.0/24']}, block())],
      {action: 'block', status: 403, body: ''},
    ],
    [
      'a visitor over IPv6 matches no address, not even a negative one',
      [rule(1, {attr: 'ipv4.src', op: 'not_in', value: ['10.0.0.0/8']}, block())],
      {action: 'forward'},
      {ipv4: undefined},
    ],
    [
      'a star is literal outside matches',
      [rule(1, {attr: 'http.path', op: 'eq', value: '/api/*'}, block())],
      {action: 'forward'},
    ],
    [
      'a redirect to a host keeps path and query',
      [rule(1, everyPath, {action: 'redirect', params: {host: 'status.example'}})],
      {action: 'redirect', status: 302, location: 'https://status.example/api/items?a=1'},
    ],
    [
      'a redirect to a location is exact',
      [rule(1, everyPath, {action: 'redirect', params: {location: 'https://status.example/down', status: 307}})],
      {action: 'redirect', status: 307, location: 'https://status.example/down'},
    ],
  ])('%s', (_what, rules, decision, change = {}) => {
    expect(decideOn(rules, change)).toEqual(decision);
  });

  test('a set that passes validation never throws when it decides', () => {
    const clause = fc.record({
      attr: fc.constantFrom('http.path', 'http.host'),
      op: fc.constantFrom('eq', 'neq', 'matches'),
      value: fc.string({maxLength: 20}).filter((text) => text.split('*').length < 9),
    });
    const condition = fc.oneof(
      clause,
      fc.record({not: clause}),
      fc.record({and: fc.array(clause, {minLength: 1, maxLength: 5})}),
      fc.record({or: fc.array(clause, {minLength: 1, maxLength: 5})}),
    );
    const action = fc.constantFrom(block(), block(499, 'x'), {action: 'allow'}, {action: 'challenge'});
    const one = fc.tuple(fc.nat(99), condition, action).map((parts) => rule(...parts));
    const rules = fc.uniqueArray(one, {selector: ({priority}) => priority, maxLength: 8});
    fc.assert(
      fc.property(rules, fc.webPath(), (list, path) => {
        expect(diagnose(set(...list))).toEqual([]);
        expect(['forward', 'block', 'challenge']).toContain(
          decide(set(...list) as EdgeRules, {...request, path}).action,
        );
      }),
    );
  });
});

describe('the front', () => {
  let fixture: Fixture;
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  const scope = {serviceId, environmentId};
  const write = (edgeRules: unknown) =>
    fixture.ask(
      'mutation($input: UpdateServiceEdgeRulesInput!) { updateServiceEdgeRules(input: $input) { id enabled edgeRules } }',
      {input: {...scope, edgeRules}},
    );
  const answers = (path: string, status: number) =>
    until(
      async () => (await fixture.get(path)).status === status,
      () => `${path} should answer ${status}`,
    );

  test('obeys a whole set shortly after it was written, and forgets it with null', async () => {
    fixture = await startFixture();
    await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const answer = await write(
      set(
        rule(1, {attr: 'http.path', op: 'eq', value: '/health'}, {action: 'allow'}),
        rule(2, everyPath, block(429, '{"maintenance":true}'), {description: 'switchback'}),
      ),
    );
    const rules = answer.data!.updateServiceEdgeRules as {edgeRules: EdgeRules};
    expect(rules).toMatchObject({
      enabled: true,
      edgeRules: {rules: [{id: expect.stringMatching(/^rul_/)}, {id: expect.stringMatching(/^rul_/)}]},
    });
    await answers('/', 429);
    expect(await fixture.get('/health')).toMatchObject({status: 200});
    expect(await fixture.get('/')).toMatchObject({status: 429, body: {maintenance: true}});
    await write(null);
    await answers('/', 200);
    expect(fixture.railway.state().services[0]!.edgeRules).toBeNull();
  });

  test('keeps ids that were assigned, and refuses a set that is not valid without touching the old one', async () => {
    fixture = await startFixture();
    const first = (await write(set(rule(1, everyPath, block(403))))).data!.updateServiceEdgeRules as {
      edgeRules: EdgeRules;
    };
    const kept = (await write(first.edgeRules)).data!.updateServiceEdgeRules as {edgeRules: EdgeRules};
    expect(kept.edgeRules.rules[0]!.id).toBe(first.edgeRules.rules[0]!.id);
    expect(await write(set(rule(1, everyPath, block(503))))).toMatchObject({
      status: 200,
      errors: [{message: expect.stringContaining('400 through 499')}],
    });
    expect(fixture.railway.state().services[0]!.edgeRules).toEqual(kept.edgeRules);
    const found = await fixture.data(
      'query($input: ValidateServiceEdgeRulesInput!) { validateServiceEdgeRules(input: $input) { code path } }',
      {input: {...scope, edgeRules: set(rule(1, everyPath, block(503)))}},
    );
    expect(found).toEqual({validateServiceEdgeRules: [{code: 'invalid_status', path: 'rules[0].then.params.status'}]});
  });

  test('answers 429 to everybody under attack', async () => {
    fixture = await startFixture();
    await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const attack = (enabled: boolean) =>
      fixture.data(
        'mutation($input: SetServiceUnderAttackModeInput!) { setServiceUnderAttackMode(input: $input) { underAttackModeUntil } }',
        {input: {...scope, enabled, durationSeconds: 60}},
      );
    await attack(true);
    expect(await fixture.get()).toMatchObject({status: 429});
    await attack(false);
    expect(await fixture.get()).toMatchObject({status: 200});
  });
});
