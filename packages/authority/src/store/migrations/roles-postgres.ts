/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const rolesPostgres: readonly string[] = [
  `CREATE TABLE "roles" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "description" text COLLATE "C" NOT NULL,
    "scopes" text COLLATE "C" NOT NULL,
    "exclusive" bigint NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name")
  )`,
  `CREATE TABLE "groups" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "description" text COLLATE "C" NOT NULL,
    "roles" text COLLATE "C" NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name")
  )`,
  `CREATE TABLE "memberships" (
    "tenant" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("tenant", "user_id", "kind", "name")
  )`,
  `CREATE INDEX "memberships_by_tenant_kind_name_user_id" ON "memberships" (
    "tenant",
    "kind",
    "name",
    "user_id"
  )`,
  `CREATE TABLE "pat_policies" (
    "tenant" text COLLATE "C" NOT NULL,
    "policy" text COLLATE "C" NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant")
  )`,
  `ALTER TABLE "keys" ADD COLUMN "pat" text COLLATE "C"`,
];
