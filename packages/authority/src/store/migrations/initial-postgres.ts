/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const initialPostgres: readonly string[] = [
  `CREATE TABLE "installation" (
    "id" text COLLATE "C" NOT NULL,
    "epoch" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "settings" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("id")
  )`,
  `CREATE TABLE "tenants" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant")
  )`,
  `CREATE TABLE "feed_head" (
    "tenant" text COLLATE "C" NOT NULL,
    "position" bigint NOT NULL,
    PRIMARY KEY ("tenant")
  )`,
  `CREATE TABLE "feed" (
    "tenant" text COLLATE "C" NOT NULL,
    "position" bigint NOT NULL,
    "entry" text COLLATE "C" NOT NULL,
    "target_kind" text COLLATE "C",
    "target_id" text COLLATE "C",
    "at" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "position")
  )`,
  `CREATE INDEX "feed_by_tenant_target_kind_target_id_position" ON "feed" (
    "tenant",
    "target_kind" NULLS FIRST,
    "target_id" NULLS FIRST,
    "position"
  )`,
  `CREATE INDEX "feed_by_expires_at_seconds" ON "feed" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "revocations" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "target_kind" text COLLATE "C" NOT NULL,
    "target_id" text COLLATE "C" NOT NULL,
    "reason" text COLLATE "C" NOT NULL,
    "actor" text COLLATE "C" NOT NULL,
    "at" bigint NOT NULL,
    "position" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "revocations_by_tenant_at_id" ON "revocations" (
    "tenant",
    "at",
    "id"
  )`,
  `CREATE TABLE "nodes" (
    "tenant" text COLLATE "C" NOT NULL,
    "node" text COLLATE "C" NOT NULL,
    "epoch" text COLLATE "C" NOT NULL,
    "position" bigint NOT NULL,
    "seen_at" bigint NOT NULL,
    PRIMARY KEY ("tenant", "node")
  )`,
  `CREATE TABLE "custody_keys" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "purpose" text COLLATE "C" NOT NULL,
    "wrapped_by" text COLLATE "C" NOT NULL,
    "wrapped" bytea NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "uses" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "custody_keys_by_tenant_purpose_created_at" ON "custody_keys" (
    "tenant",
    "purpose",
    "created_at"
  )`,
  `CREATE TABLE "signing_keys" (
    "tenant" text COLLATE "C" NOT NULL,
    "kid" text COLLATE "C" NOT NULL,
    "algorithm" text COLLATE "C" NOT NULL,
    "generation" bigint NOT NULL,
    "public_jwk" text COLLATE "C" NOT NULL,
    "sealed_private" bytea NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "activate_at" bigint NOT NULL,
    "retire_at" bigint,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "kid"),
    UNIQUE ("tenant", "algorithm", "generation")
  )`,
  `CREATE TABLE "clients" (
    "tenant" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "metadata" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "client_id")
  )`,
  `CREATE INDEX "clients_by_tenant_created_at_client_id" ON "clients" (
    "tenant",
    "created_at",
    "client_id"
  )`,
  `CREATE TABLE "client_secrets" (
    "tenant" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "hash" bytea NOT NULL,
    "pepper_version" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "expires_at" bigint,
    PRIMARY KEY ("tenant", "client_id", "id")
  )`,
  `CREATE TABLE "keys" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "hash_scheme" text COLLATE "C" NOT NULL,
    "hash" bytea NOT NULL,
    "pepper_version" text COLLATE "C",
    "sealed_verifier" bytea,
    "owner" text COLLATE "C" NOT NULL,
    "scopes" text COLLATE "C" NOT NULL,
    "environment" text COLLATE "C",
    "plan" text COLLATE "C",
    "allowed_addresses" text COLLATE "C" NOT NULL,
    "metadata" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "updated_at" bigint NOT NULL,
    "not_before" bigint,
    "expires_at" bigint,
    "predecessor" text COLLATE "C",
    "successor" text COLLATE "C",
    "import_format" text COLLATE "C",
    "import_fingerprint" bytea,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "keys_by_tenant_kind_created_at_id" ON "keys" (
    "tenant",
    "kind",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "keys_by_tenant_owner_created_at_id" ON "keys" (
    "tenant",
    "owner",
    "created_at",
    "id"
  )`,
  `CREATE TABLE "import_formats" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "prefix" text COLLATE "C" NOT NULL,
    "separator" text COLLATE "C" NOT NULL,
    "hashed" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE TABLE "tokens" (
    "partition" bigint NOT NULL,
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "hash" bytea NOT NULL,
    "pepper_version" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "subject" text COLLATE "C" NOT NULL,
    "family" text COLLATE "C",
    "scopes" text COLLATE "C" NOT NULL,
    "audience" text COLLATE "C" NOT NULL,
    "position" bigint NOT NULL,
    "issued_at_seconds" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    "binding" text COLLATE "C",
    "claims" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("partition", "tenant", "id")
  ) PARTITION BY LIST ("partition")`,
  `CREATE TABLE "usage" (
    "tenant" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "first_used_at" bigint NOT NULL,
    "last_used_at" bigint NOT NULL,
    "allowed" bigint NOT NULL,
    "denied" bigint NOT NULL,
    "last_address" text COLLATE "C",
    PRIMARY KEY ("tenant", "kind", "id")
  )`,
  `CREATE TABLE "idempotency" (
    "tenant" text COLLATE "C" NOT NULL,
    "actor" text COLLATE "C" NOT NULL,
    "key" text COLLATE "C" NOT NULL,
    "request_hash" text COLLATE "C" NOT NULL,
    "status" bigint NOT NULL,
    "body" text COLLATE "C" NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "actor", "key")
  )`,
  `CREATE INDEX "idempotency_by_expires_at_seconds" ON "idempotency" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "routes" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "route" text COLLATE "C" NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name")
  )`,
  `CREATE TABLE "audit_pending" (
    "id" text COLLATE "C" NOT NULL,
    "tenant" text COLLATE "C" NOT NULL,
    "leaf" bytea NOT NULL,
    "object" text COLLATE "C" NOT NULL,
    "related" text COLLATE "C",
    "personal" bytea,
    "at" bigint NOT NULL,
    PRIMARY KEY ("id")
  )`,
  `CREATE TABLE "audit_log" (
    "index" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "tenant" text COLLATE "C" NOT NULL,
    "leaf" bytea NOT NULL,
    "object" text COLLATE "C" NOT NULL,
    "related" text COLLATE "C",
    "personal" bytea,
    "at" bigint NOT NULL,
    "chain" bytea NOT NULL,
    PRIMARY KEY ("index")
  )`,
  `CREATE INDEX "audit_log_by_tenant_object_index" ON "audit_log" (
    "tenant",
    "object",
    "index"
  )`,
  `CREATE INDEX "audit_log_by_tenant_related_index" ON "audit_log" (
    "tenant",
    "related" NULLS FIRST,
    "index"
  )`,
  `CREATE INDEX "audit_log_by_tenant_at_id_index" ON "audit_log" (
    "tenant",
    "at",
    "id",
    "index"
  )`,
  `CREATE TABLE "audit_head" (
    "id" text COLLATE "C" NOT NULL,
    "size" bigint NOT NULL,
    "chain" bytea NOT NULL,
    PRIMARY KEY ("id")
  )`,
  `CREATE TABLE "store_check" ("id" integer PRIMARY KEY, "count" bigint NOT NULL)`,
];
