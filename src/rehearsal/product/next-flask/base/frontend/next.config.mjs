/** Everything a visitor needs is static: sign-in and data come from Clerk and the API at run time. */
export default {
  output: 'export',
  // Pages that are open while a release goes live keep asking for their own assets.
  deploymentId: process.env.VERCEL_DEPLOYMENT_ID,
  reactStrictMode: true,
  poweredByHeader: false,
};
