/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const initialSqlite: readonly string[] = [
  `CREATE TABLE "installation" (
    "id" TEXT NOT NULL,
    "epoch" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "settings" TEXT NOT NULL,
    PRIMARY KEY ("id")
  ) STRICT`,
  `CREATE TABLE "tenants" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "feed_head" (
    "tenant" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    PRIMARY KEY ("tenant")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "feed" (
    "tenant" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "entry" TEXT NOT NULL,
    "target_kind" TEXT,
    "target_id" TEXT,
    "at" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "position")
  ) STRICT`,
  `CREATE INDEX "feed_by_tenant_target_kind_target_id_position" ON "feed" (
    "tenant",
    "target_kind",
    "target_id",
    "position"
  )`,
  `CREATE INDEX "feed_by_expires_at_seconds" ON "feed" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "revocations" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "target_kind" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "at" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "revocations_by_tenant_at_id" ON "revocations" (
    "tenant",
    "at",
    "id"
  )`,
  `CREATE TABLE "nodes" (
    "tenant" TEXT NOT NULL,
    "node" TEXT NOT NULL,
    "epoch" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "seen_at" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "node")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "custody_keys" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "wrapped_by" TEXT NOT NULL,
    "wrapped" BLOB NOT NULL,
    "status" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "uses" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "custody_keys_by_tenant_purpose_created_at" ON "custody_keys" (
    "tenant",
    "purpose",
    "created_at"
  )`,
  `CREATE TABLE "signing_keys" (
    "tenant" TEXT NOT NULL,
    "kid" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "generation" INTEGER NOT NULL,
    "public_jwk" TEXT NOT NULL,
    "sealed_private" BLOB NOT NULL,
    "status" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "activate_at" INTEGER NOT NULL,
    "retire_at" INTEGER,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "kid"),
    UNIQUE ("tenant", "algorithm", "generation")
  ) STRICT`,
  `CREATE TABLE "clients" (
    "tenant" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "metadata" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "client_id")
  ) STRICT`,
  `CREATE INDEX "clients_by_tenant_created_at_client_id" ON "clients" (
    "tenant",
    "created_at",
    "client_id"
  )`,
  `CREATE TABLE "client_secrets" (
    "tenant" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "hash" BLOB NOT NULL,
    "pepper_version" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "expires_at" INTEGER,
    PRIMARY KEY ("tenant", "client_id", "id")
  ) STRICT`,
  `CREATE TABLE "keys" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "hash_scheme" TEXT NOT NULL,
    "hash" BLOB NOT NULL,
    "pepper_version" TEXT,
    "sealed_verifier" BLOB,
    "owner" TEXT NOT NULL,
    "scopes" TEXT NOT NULL,
    "environment" TEXT,
    "plan" TEXT,
    "allowed_addresses" TEXT NOT NULL,
    "metadata" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "not_before" INTEGER,
    "expires_at" INTEGER,
    "predecessor" TEXT,
    "successor" TEXT,
    "import_format" TEXT,
    "import_fingerprint" BLOB,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
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
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "separator" TEXT NOT NULL,
    "hashed" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "usage" (
    "tenant" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "first_used_at" INTEGER NOT NULL,
    "last_used_at" INTEGER NOT NULL,
    "allowed" INTEGER NOT NULL,
    "denied" INTEGER NOT NULL,
    "last_address" TEXT,
    PRIMARY KEY ("tenant", "kind", "id")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "idempotency" (
    "tenant" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" TEXT NOT NULL,
    "status" INTEGER NOT NULL,
    "body" TEXT NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "actor", "key")
  ) STRICT`,
  `CREATE INDEX "idempotency_by_expires_at_seconds" ON "idempotency" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "routes" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "route" TEXT NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name")
  ) STRICT`,
  `CREATE TABLE "audit_pending" (
    "id" TEXT NOT NULL,
    "tenant" TEXT NOT NULL,
    "leaf" BLOB NOT NULL,
    "object" TEXT NOT NULL,
    "related" TEXT,
    "personal" BLOB,
    "at" INTEGER NOT NULL,
    PRIMARY KEY ("id")
  ) STRICT`,
  `CREATE TABLE "audit_log" (
    "index" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "tenant" TEXT NOT NULL,
    "leaf" BLOB NOT NULL,
    "object" TEXT NOT NULL,
    "related" TEXT,
    "personal" BLOB,
    "at" INTEGER NOT NULL,
    "chain" BLOB NOT NULL,
    PRIMARY KEY ("index")
  ) STRICT`,
  `CREATE INDEX "audit_log_by_tenant_object_index" ON "audit_log" (
    "tenant",
    "object",
    "index"
  )`,
  `CREATE INDEX "audit_log_by_tenant_related_index" ON "audit_log" (
    "tenant",
    "related",
    "index"
  )`,
  `CREATE INDEX "audit_log_by_tenant_at_id_index" ON "audit_log" (
    "tenant",
    "at",
    "id",
    "index"
  )`,
  `CREATE TABLE "audit_head" (
    "id" TEXT NOT NULL,
    "size" INTEGER NOT NULL,
    "chain" BLOB NOT NULL,
    PRIMARY KEY ("id")
  ) STRICT`,
  `CREATE TABLE "store_check" ("id" INTEGER PRIMARY KEY, "count" INTEGER NOT NULL) STRICT`,
];
