// blob.js - the official client, for what the tests need of it.
//   node blob.js read ENDPOINT ACCOUNT KEY FOLDER   all blobs: a JSON array, and each one's bytes in FOLDER/<number>
//   node blob.js sas ACCOUNT KEY PERMISSIONS        an account SAS for an hour
"use strict";
const fs = require("fs");
const path = require("path");
const where = path.join(process.env.PEERS_NODE, "node_modules");
const blob = require(require.resolve("@azure/storage-blob", { paths: [where] }));

async function read(endpoint, account, key, folder) {
  const service = new blob.BlobServiceClient(endpoint, new blob.StorageSharedKeyCredential(account, key));
  const all = [];
  for await (const container of service.listContainers()) {
    const client = service.getContainerClient(container.name);
    for await (const item of client.listBlobsFlat()) {
      const one = client.getBlobClient(item.name);
      const properties = await one.getProperties();
      const file = path.join(folder, String(all.length));
      fs.writeFileSync(file, await one.downloadToBuffer());
      all.push({ container: container.name, name: item.name, type: properties.blobType, file,
        size: properties.contentLength, blocks: properties.blobCommittedBlockCount,
        contentType: properties.contentType });
    }
  }
  console.log(JSON.stringify(all));
}

function sas(account, key, permissions) {
  const query = blob.generateAccountSASQueryParameters({
    services: "b", resourceTypes: "sco", permissions: blob.AccountSASPermissions.parse(permissions),
    startsOn: new Date(Date.now() - 60000), expiresOn: new Date(Date.now() + 3600000),
  }, new blob.StorageSharedKeyCredential(account, key));
  console.log(query.toString());
}

const [command, ...values] = process.argv.slice(2);
Promise.resolve(command === "read" ? read(...values) : sas(...values)).catch((e) => {
  console.error(e.message);
  process.exit(1);
});
