import {expect, test} from '@jest/globals';
import './vercel-stand-in-deployments.js';
import './vercel-stand-in-edge.js';
import './vercel-stand-in-production.js';
import {covered, rows} from './vercel-stand-in-rig.js';

test('every row of what the stand-in has to do is covered', () => {
  const tests = [...covered.values()].reduce((sum, count) => sum + count, 0);
  process.stdout.write(`vercel stand-in: ${covered.size} of ${rows.length} rows covered by ${tests} tests\n`);
  expect(rows.filter((one) => !covered.has(one))).toEqual([]);
});
