'use client';

import {
  ClerkProvider,
  OrganizationSwitcher,
  SignedIn,
  SignedOut,
  SignInButton,
  useAuth,
  useOrganization,
  UserButton,
} from '@clerk/clerk-react';
import {createContext, useContext} from 'react';

const key = process.env.NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY;
const Session = createContext({ready: false});

/** `{ready, organisation, token()}` of whoever is signed in; `organisation` is undefined before one was chosen. */
export const useSession = () => useContext(Session);

/** Sign-in by Clerk where its key is configured. Without one, the session that `/config.js` names: see the README. */
export function Identity({children}) {
  if (!key) return <Session.Provider value={configured}>{children}</Session.Provider>;
  return (
    <ClerkProvider publishableKey={key}>
      <SignedOut>
        <SignInButton />
      </SignedOut>
      <SignedIn>
        <OrganizationSwitcher hidePersonal />
        <UserButton />
        <ClerkSession>{children}</ClerkSession>
      </SignedIn>
    </ClerkProvider>
  );
}

function ClerkSession({children}) {
  const {getToken} = useAuth();
  const {organization} = useOrganization();
  return (
    <Session.Provider value={{ready: true, organisation: organization?.id, token: () => getToken()}}>
      {children}
    </Session.Provider>
  );
}

const configured = {
  ready: true,
  get organisation() {
    return globalThis.productConfig?.session?.organisation;
  },
  token: async () => globalThis.productConfig?.session?.token,
};
