// A certified OpenID Connect provider for the test of the dashboard's login: its users are named by what they may do.
// Arguments: the folder with node_modules, the port, and the dashboard's redirect URIs after the login and the logout.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, port, redirectUri, logoutUri] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(join(folder, 'node_modules/oidc-provider/lib/index.js')));

const groups = { ana: ['staff', 'saga-operators'], bia: ['saga-viewers'], eve: ['staff'] };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: 'dashboard',
      client_secret: 'the secret of the tests',
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [logoutUri],
    },
  ],
  claims: { openid: ['sub', 'groups', 'preferred_username'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['the cookies of the tests'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, groups: groups[id] ?? [] }),
  }),
  // The user's consent is not part of the test.
  loadExistingGrant: async (context) => {
    const { session, client } = context.oidc;
    const known = session.grantIdFor(client.clientId);
    if (known) return context.oidc.provider.Grant.find(known);
    const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
