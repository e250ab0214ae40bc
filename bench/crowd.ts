/** Many users and refresh families in PostgreSQL: copies of rows that the server wrote itself. */
import { openClient } from '../packages/authority/src/store/postgres/connections.ts';

export interface Crowd {
  readonly users: number;
  readonly families: number;
}

/** Families are spread over the users. Ids have the shape of real ones and sort at random. */
export async function fillDatabase(url: string, crowd: Crowd): Promise<void> {
  const client = openClient({ connectionString: url });
  await client.connect();
  const startedAt = performance.now();
  const idOf = (kind: string, n: string): string => `md5('${kind}' || (${n})::text)`;
  const user = idOf('user', `n % ${Math.max(1, crowd.users)}`);
  await copies(client, 'users', crowd.users, {
    id: idOf('user', 'n'),
    username: `'user-' || n`,
  });
  await copies(client, 'usernames', crowd.users, {
    key: `'user-' || n`,
    user_id: idOf('user', 'n'),
  });
  await copies(client, 'refresh_families', crowd.families, {
    id: idOf('token', 'n'),
    family: idOf('family', 'n'),
    subject: user,
    hash: `decode(md5('a' || n) || md5('b' || n), 'hex')`,
  });
  await copies(client, 'granted_families', crowd.families, {
    family: idOf('family', 'n'),
    subject: user,
    session: idOf('session', `n % ${Math.max(1, crowd.users)}`),
  });
  await client.query('ANALYZE');
  await client.end();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`${crowd.users} users and ${crowd.families} families in ${seconds} s`);
}

/** @param own expressions in `n`, from 0, of the columns in which copies differ */
async function copies(
  client: ReturnType<typeof openClient>,
  table: string,
  count: number,
  own: Readonly<Record<string, string>>,
): Promise<void> {
  const { fields } = await client.query(`SELECT * FROM "${table}" LIMIT 0`);
  const names = fields.map(({ name }) => name);
  const values = names.map((name) => own[name] ?? `one."${name}"`);
  await client.query(
    `INSERT INTO "${table}" (${names.map((name) => `"${name}"`).join(', ')})
     SELECT ${values.join(', ')}
     FROM (SELECT * FROM "${table}" LIMIT 1) AS one, generate_series(0, $1::bigint - 1) AS n`,
    [count],
  );
}
