/** The user asks Railway to deploy each push by itself; what that does to releases, and what to do. */
export const autoDeployIsOn =
  'Automatic deploys are on: each push makes a second deployment beside the one of the release, without a gate';
export const autoDeployRemedy = 'Switch automatic deploys off in the settings of the service on railway.com.';

/** Why nothing more will come of a deployment that Railway holds back for CI. */
export const waitingRemedy =
  'Switch off Wait for CI, or automatic deploys, in the settings of the service: Railway waits for the workflow that waits for Railway, and would ship this commit outside the gate once the workflow ends.';
