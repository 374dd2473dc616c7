import {describe, expect, test} from '@jest/globals';
import {spec} from '../../actions/preflight/spec.js';
import {configSchema} from '../../src/config/schema.js';
import {checkSecrets, checkSecretsInput} from '../../src/release/check-secrets.js';
import {gateFindings} from '../../src/release/gate-findings.js';
import {parseInputs} from '../../src/runner/inputs.js';

const parse = (text: string) => checkSecretsInput['check-secrets'].parse(text);

describe('several secrets in one input', () => {
  test.each<[what: string, text: string, value: Record<string, string>]>([
    ['a line each', 'OWN=abcd\nFOREIGN=efgh', {OWN: 'abcd', FOREIGN: 'efgh'}],
    ['blank lines and comments', '\n# of the gate\nOWN=abcd\n\n', {OWN: 'abcd'}],
    ['equals signs inside a value', 'URL=postgres://u:p=q@h/d?a=b', {URL: 'postgres://u:p=q@h/d?a=b'}],
    [
      'a value over several lines',
      'KEY="-----BEGIN\nabc\n-----END"\nOWN=abcd',
      {KEY: '-----BEGIN\nabc\n-----END', OWN: 'abcd'},
    ],
  ])('%s', (_what, text, value) => expect(parse(text)).toEqual({value}));

  test.each<[what: string, text: string, wrong: RegExp]>([
    ['a value without its name', 'OWN=abcd\neyJhbGciOi', /line 2 that is not NAME=value/],
    ['a line after a long value', 'KEY="a\nb\nc"\nodd', /line 4 that is not/],
    ['an empty value', 'OWN=\nFOREIGN=abcd', /OWN with less than four/],
  ])('%s is refused, and never quoted', (_what, text, wrong) => {
    const answer = parse(text) as {wrong: string};
    expect(answer.wrong).toMatch(wrong);
    expect(answer.wrong).not.toContain('eyJhbGciOi');
  });

  test('each value is masked by itself, not only its line', () => {
    const {secrets} = parseInputs(spec, (name) => (name === 'check-secrets' ? 'OWN=abcdefgh\nFOREIGN=ijklmnop' : ''));
    expect(secrets).toEqual(expect.arrayContaining(['abcdefgh', 'ijklmnop']));
  });

  test('the input wins over the environment, and both are masked', () => {
    const masked: string[] = [];
    const secretOf = checkSecrets(
      {'check-secrets': {OWN: 'given'}},
      {env: {OWN: 'ambient', OTHER: 'beside'}, mask: (value) => masked.push(value)},
    );
    expect([secretOf('OWN'), secretOf('OTHER'), secretOf('NONE')]).toEqual(['given', 'beside', undefined]);
    expect(masked).toEqual(['given', 'beside']);
  });
});

describe('could the gate start, asked before anything is deployed', () => {
  const config = (checks: object[]) =>
    configSchema.parse({version: 1, product: 'shop', backend: {service: 'api', url: 'https://api.example'}, checks});
  const tenant = {
    name: 'tenants',
    kind: 'tenant',
    path: '/api/organisations/a/items',
    auth: {kind: 'bearer', env: 'OWN'},
    'foreign-auth': {kind: 'bearer', env: 'FOREIGN'},
  };

  test('a secret that nobody passes is a problem, with the name and where to put it', () => {
    const rows = gateFindings(config([tenant]), (name) => (name === 'OWN' ? 'abcd' : undefined));
    expect(rows.map(({state, found}) => [state, found])).toEqual([
      ['problem', 'a check needs the secret FOREIGN, and nothing holds it'],
    ]);
    expect(rows[0]?.remedy).toContain('FOREIGN=… to the secret CHECK_SECRETS');
  });

  test('with all of them it is well', () => {
    expect(gateFindings(config([tenant]), () => 'abcd')).toMatchObject([{state: 'ok', found: '1 checks'}]);
  });

  test('a check that cannot be asked is a problem with its place', () => {
    const rows = gateFindings(config([{name: 'page', target: 'frontend', path: '/'}]), () => undefined);
    expect(rows).toMatchObject([{state: 'problem', found: expect.stringMatching(/^`checks\[0\]/)}]);
  });
});
