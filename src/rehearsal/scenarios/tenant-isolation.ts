import {parseEnv} from 'node:util';
import {type Check, check} from '../outside.js';
import type {Scenario} from '../scenario.js';
import {failedStep, isBack, noBadAnswer, ran, stepOutput} from '../scenario-checks.js';
import type {World} from '../world.js';

/** Every answer is a 200 and every page works: only somebody else's token tells that something is wrong. */
export const tenantIsolation: Scenario = {
  name: 'bad-tenant-isolation',
  about: "a backend that shows one organisation another's data is taken back before the frontend goes live",
  acts: [{workflow: 'release', commit: 'bad-tenant-isolation'}],
  outcome: 'stopped before promotion',
  judge: async (outcome) => [
    ran(outcome, 'failure'),
    failedStep(outcome, 'ship', 'candidate'),
    blamesIsolation(stepOutput(outcome, 'ship', 'candidate', 'sentence') ?? ''),
    ...(await isBack(outcome)),
    ...(await refusesStrangers(outcome.world)),
    check(!outcome.visits.byVersion['bad-tenant-isolation'], 'no user request was served by its frontend'),
    noBadAnswer(outcome),
  ],
};

function blamesIsolation(sentence: string): Check {
  return check(sentence.includes('tenant isolation'), `the gate says why: ${sentence.slice(0, 200)}`);
}

async function refusesStrangers({backendUrl, sample}: World): Promise<Check[]> {
  const tokens = parseEnv(sample.checkSecrets);
  const ask = async (token: string | undefined) => {
    const answer = await fetch(`${backendUrl}/api/organisations/org_check/items`, {
      headers: {authorization: `Bearer ${token}`},
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  const [own, foreign] = await Promise.all([ask(tokens['OWN_TOKEN']), ask(tokens['FOREIGN_TOKEN'])]);
  return [check(own === 200 && foreign === 403, `its members get ${own}, members of another organisation ${foreign}`)];
}
