/**
 * Where the suite says what a person answers on an authentication device (CIBA): it posts to
 * `automated_ciba_approval_url`, and this stands for the device's service, which answers by the
 * management API as one of an installation's own would.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { trustingFetch } from '../rig/trusting-fetch.ts';

export interface Approvals {
  /** For the suite's configuration: it fills in what stands in braces. */
  readonly url: string;
  close(): Promise<void>;
}

/** @param at where Mintmark is, who signed its certificate (PEM text), and a key that may answer */
export async function openApprovals(at: {
  readonly issuer: string;
  readonly ca: string;
  readonly adminKey: string;
}): Promise<Approvals> {
  const { fetch, close } = trustingFetch(at.ca);
  const answer = async (authReqId: string, how: 'approve' | 'deny'): Promise<number> => {
    // `‹prefix›_br_‹id›‹secret›…`: the id is what everybody but the client knows it by.
    const id = authReqId.split('_')[2]?.slice(0, idChars) ?? '';
    const reply = await fetch(`${at.issuer}/v1/authentication-requests/${id}/${how}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${at.adminKey}`,
        ...(how === 'approve' ? { 'content-type': 'application/json' } : {}),
      },
      ...(how === 'approve' ? { body: proof } : {}),
    });
    return reply.status;
  };
  const server = createServer((request, reply) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const how = searchParams.get('action') === 'deny' ? 'deny' : 'approve';
    answer(searchParams.get('token') ?? '', how).then(
      (status) => reply.writeHead(status === 204 ? 200 : 502).end(),
      () => reply.writeHead(502).end(),
    );
  });
  await listening(server);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/?token={auth_req_id}&action={action}`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await close();
    },
  };
}

const idChars = 17;

/** A key in the device, and its owner's touch. */
const proof = JSON.stringify({ acr: 'phr', amr: ['hwk', 'user'] });

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
}
