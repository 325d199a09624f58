/* config_test.c - what each key takes and refuses, and what the errors say. */
#include "base/file.h"
#include "base/test.h"
#include "control/config.h"
#include "control/kinds_for_tests.h"
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/penstock-config-XXXXXX";

static const struct {
    const char *name, *text;
    const char *fault; /* pieces that the error has, split by '|'; NULL: taken */
} cases[] = {
    {"nothing",                                 "",                                                                                 NULL                                                      },
    {"JSON",                                    "{\"http\":{\"port\":8080}}",                                                       NULL                                                      },
    {"sections left empty",                     "http:\nlimits:\njournal:\n",                                                       NULL                                                      },
    {"lists left empty",                        "tenants:\nresources: []\n",                                                        NULL                                                      },
    {"not a mapping",                           "- a\n",                                                                            "keys and their values"                                   },
    {"a syntax error",                          "http: [\n",                                                                        "t.yaml:2:1"                                              },
    {"an unknown key",                          "colour: red\n",                                                                    "t.yaml:1:9|there is no key 'colour'"                     },
    {"an unknown key, near",                    "htpp:\n  port: 1\n",                                                               "did you mean 'http'"                                     },
    {"an unknown key in a section",             "http:\n  prot: 1\n",
     "t.yaml:2:9: http: there is no key 'prot'; did you mean 'port'?"                                                                                                                         },
    {"swapped letters in a long key",           "journal:\n  kepeSize: 1\n",                                                        "did you mean 'keepSize'"                                 },
    {"a key twice",                             "http:\n  port: 1\n  port: 2\n",                                                    "t.yaml:3:3|twice"                                        },
    {"a section that is a text",                "http: yes\n",                                                                      "http: keys and their values"                             },
    {"a list that is a mapping",                "tenants: {a: 1}\n",                                                                "tenants: a list is wanted"                               },
    {"a key without value",                     "http:\n  port:\n",                                                                 "http.port|single value"                                  },
    {"a key with a list",                       "http:\n  port: [1]\n",                                                             "http.port|single value"                                  },
    {"an empty text",                           "http:\n  address: \"\"\n",                                                         "http.address|single value"                               },
    {"port as text",                            "http:\n  port: \"8080\"\n",                                                        NULL                                                      },
    {"port 0",                                  "http:\n  port: 0\n",                                                               NULL                                                      },
    {"port too large",                          "http:\n  port: 65536\n",                                                           "'65536' is not a number, 0 to 65535"                     },
    {"port negative",                           "http:\n  port: -1\n",                                                              "'-1' is not a number"                                    },
    {"port with a fraction",                    "http:\n  port: 1.5\n",                                                             "'1.5' is not a number"                                   },
    {"port with letters",                       "http:\n  port: 80a\n",                                                             "'80a' is not a number"                                   },
    {"a number beyond 64 bits",                 "http:\n  port: \"99999999999999999999999\"\n",                                     "is not a number"                                         },
    {"an address with a name",                  "http:\n  address: localhost\n",                                                    "no IP address"                                           },
    {"IPv6 loopback",                           "http:\n  address: \"::1\"\n",                                                      NULL                                                      },
    {"another loopback address",                "http:\n  address: 127.8.8.8\n",                                                    NULL                                                      },
    {"beyond loopback in the clear",            "http:\n  address: 0.0.0.0\n",
     "t.yaml:2:12|other machines|self-signed"                                                                                                                                                 },
    {"IPv6 beyond loopback",                    "http:\n  address: \"::\"\n",                                                       "other machines"                                          },
    {"an IPv4 address in IPv6",                 "http:\n  address: \"::ffff:10.0.0.1\"\n",                                          "other machines"                                          },
    {"beyond loopback, allowed",                "http:\n  address: 0.0.0.0\n  allowPlaintext: true\n",                              NULL                                                      },
    {"beyond loopback, self-signed",            "http:\n  address: 0.0.0.0\n  tls: self-signed\n",                                  NULL                                                      },
    {"tls: off is a word",                      "http:\n  tls: off\n",                                                              NULL                                                      },
    {"tls: on is unknown",                      "http:\n  tls: on\n",                                                               "'on' is not one of off | self-signed | files"            },
    {"files without files",                     "http:\n  tls: files\n",                                                            "needs http.certificate"                                  },
    {"certificate without key",                 "http:\n  certificate: a.pem\n",                                                    "key is missing"                                          },
    {"key without certificate",                 "http:\n  key: a.pem\n",                                                            "certificate is missing"                                  },
    {"no such certificate",                     "http:\n  certificate: /no/a\n  key: b\n",
     "http.certificate|cannot read /no/a|No such file"                                                                                                                                        },
    {"a folder for a certificate",              "http:\n  certificate: /proc\n  key: b\n",
     "http.certificate|/proc is a folder"                                                                                                                                                     },
    {"certificate, but tls off",                "http:\n  tls: off\n  certificate: a\n  key: b\n",
     "so this is 'files'"                                                                                                                                                                     },
    {"plain word for true",                     "http:\n  allowPlaintext: yes\n",                                                   "'yes' is not true or false"                              },
    {"a size in bytes",                         "limits:\n  body: 4096\n",                                                          NULL                                                      },
    {"a size with a unit",                      "limits:\n  body: 64 MiB\n",                                                        NULL                                                      },
    {"a size with its unit close by",           "limits:\n  body: 64MiB\n",                                                         NULL                                                      },
    {"a size with an unknown unit",             "limits:\n  body: 64 MB\n",
     "'64 MB' is not a size like 64 MiB, 1 KiB to 1 TiB"                                                                                                                                      },
    {"a size too small",                        "limits:\n  body: 1\n",                                                             "is not a size"                                           },
    {"a size that overflows",                   "limits:\n  body: 99999999999 TiB\n",                                               "is not a size"                                           },
    {"a negative size",                         "limits:\n  body: -5\n",                                                            "is not a size"                                           },
    {"a duration without unit",                 "limits:\n  wait: 10\n",                                                            "'10' is not a duration like 30 s"                        },
    {"a duration of 0",                         "limits:\n  wait: 0\n",                                                             NULL                                                      },
    {"a duration",                              "limits:\n  wait: 1500 ms\n",                                                       NULL                                                      },
    {"a duration too long",                     "limits:\n  wait: 2 h\n",                                                           "0 to 10 min"                                             },
    {"quota below four segments",               "journal:\n  size: 200 MiB\n",
     "journal.size: less than 4 segments"                                                                                                                                                     },
    {"quota of four segments",                  "journal:\n  size: 256 MiB\n",                                                      NULL                                                      },
    {"an unknown log level",                    "log:\n  level: chatty\n",                                                          "debug | info | warn | error"                             },
    {"what externaldata may read",
     "hunting:\n  externalData: [https://raw.githubusercontent.com/org/, "
     "\"HTTP://Intranet:80/lists\"]\n  externalDataSize: 10 MiB\n  externalDataTime: 5 s\n",                                        NULL                                                      },
    {"nothing that it may read",                "hunting:\n  externalData: []\n",                                                   NULL                                                      },
    {"a place as a text",                       "hunting:\n  externalData: https://a.example/\n",
     "externalData: a list is wanted here"                                                                                                                                                    },
    {"a place that is a number",                "hunting:\n  externalData: [1]\n",
     "t.yaml:2|hunting.externalData[0]: the beginning of a URL is wanted here"                                                                                                                },
    {"an empty place",                          "hunting:\n  externalData: [\"https://a.example/\", \"\"]\n",
     "hunting.externalData[1]|it is empty"                                                                                                                                                    },
    {"every place",                             "hunting:\n  externalData: [\"*\"]\n",
     "hunting.externalData[0]|'*': it is no URL"                                                                                                                                              },
    {"a place by a pattern",                    "hunting:\n  externalData: [\"https://*.example/\"]\n",
     "hunting.externalData[0]|'https://*.example/'"                                                                                                                                           },
    {"a place that is a file",                  "hunting:\n  externalData: [\"file://a/etc/\"]\n",                                  "no URL"                                                  },
    {"a place with a user",                     "hunting:\n  externalData: [\"https://me:word@a.example/\"]\n",
     "it names a user"                                                                                                                                                                        },
    {"a place with a signature",                "hunting:\n  externalData: [\"https://a.example/x?sig=y\"]\n",
     "a prefix has no query"                                                                                                                                                                  },
    {"a place with dots",                       "hunting:\n  externalData: [\"https://a.example/x/../y/\"]\n",
     "a segment '.' or '..'"                                                                                                                                                                  },
    {"no size of external data",                "hunting:\n  externalDataSize: 0\n",                                                "1 KiB to 1 GiB"                                          },
    {"a database of places",                    "hunting:\n  geoDatabase: places.mmdb\n",                                           NULL                                                      },
    {"a database that is a list",               "hunting:\n  geoDatabase: [a]\n",
     "hunting.geoDatabase|single value"                                                                                                                                                       },
    {"origins of pages",
     "http:\n  allowedOrigins: [https://dataexplorer.azure.com, \"http://127.0.0.1:8080\", "
     "\"http://[::1]:3000\"]\n",                                                                                                    NULL                                                      },
    {"no origins",                              "http:\n  allowedOrigins: []\n",                                                    NULL                                                      },
    {"origins left empty",                      "http:\n  allowedOrigins: \n",                                                      NULL                                                      },
    {"an origin as a text",                     "http:\n  allowedOrigins: https://a.example\n",
     "allowedOrigins: a list is wanted here"                                                                                                                                                  },
    {"an origin that is a number",              "http:\n  allowedOrigins: [1]\n",
     "t.yaml:2|http.allowedOrigins[0]: an origin is wanted here"                                                                                                                              },
    {"an empty origin",                         "http:\n  allowedOrigins: [\"\"]\n",
     "http.allowedOrigins[0]: an origin is wanted here"                                                                                                                                       },
    {"every origin",                            "http:\n  allowedOrigins: [\"*\"]\n",
     "http.allowedOrigins[0]|'*' would let every page that somebody opens"                                                                                                                    },
    {"origins by a pattern",                    "http:\n  allowedOrigins: [\"https://*.example\"]\n",
     "'https://*.example': '*' would let every page"                                                                                                                                          },
    {"the origin null",                         "http:\n  allowedOrigins: [\"null\"]\n",
     "every sandboxed page and local file calls itself null"                                                                                                                                  },
    {"an origin without scheme",                "http:\n  allowedOrigins: [dataexplorer.azure.com]\n",
     "begins with https:// or http://"                                                                                                                                                        },
    {"an origin of another scheme",             "http:\n  allowedOrigins: [\"file://\"]\n",
     "begins with https:// or http://"                                                                                                                                                        },
    {"an origin with a slash",                  "http:\n  allowedOrigins: [\"https://a.example/\"]\n",
     "ends behind its host and port"                                                                                                                                                          },
    {"an origin with a path",                   "http:\n  allowedOrigins: [\"https://a.example/x\"]\n",
     "ends behind its host and port"                                                                                                                                                          },
    {"an origin with a query",                  "http:\n  allowedOrigins: [\"https://a.example?x\"]\n",
     "ends behind its host and port"                                                                                                                                                          },
    {"an origin with a user",                   "http:\n  allowedOrigins: [\"https://me@a.example\"]\n",
     "has no user"                                                                                                                                                                            },
    {"an origin without host",                  "http:\n  allowedOrigins: [\"https://\"]\n",                                        "that is no host"                                         },
    {"an origin of a port alone",               "http:\n  allowedOrigins: [\"https://:443\"]\n",
     "that is no host"                                                                                                                                                                        },
    {"an origin with other letters",            "http:\n  allowedOrigins: [\"https://b\u00fccher.example\"]\n",
     "that is no host|xn--"                                                                                                                                                                   },
    {"an origin with a blank",                  "http:\n  allowedOrigins: [\"https://a b\"]\n",                                     "that is no host"                                         },
    {"an origin with a line end",               "http:\n  allowedOrigins: [\"https://a\\r\\nx\"]\n",
     "that is no host"                                                                                                                                                                        },
    {"an origin with half an address",          "http:\n  allowedOrigins: [\"http://[::1\"]\n",
     "that is no host"                                                                                                                                                                        },
    {"an origin with a wrong address",          "http:\n  allowedOrigins: [\"http://[::g]\"]\n",
     "that is no host"                                                                                                                                                                        },
    {"an origin with words behind its address", "http:\n  allowedOrigins: [\"http://[::1]x\"]\n",
     "port is to be 1 to 65535"                                                                                                                                                               },
    {"an origin with port 0",                   "http:\n  allowedOrigins: [\"http://a:0\"]\n",
     "port is to be 1 to 65535"                                                                                                                                                               },
    {"an origin with a large port",             "http:\n  allowedOrigins: [\"http://a:65536\"]\n",
     "port is to be 1 to 65535"                                                                                                                                                               },
    {"an origin with an empty port",            "http:\n  allowedOrigins: [\"http://a:\"]\n",
     "port is to be 1 to 65535"                                                                                                                                                               },
    {"an origin twice, in two ways",
     "http:\n  allowedOrigins: [\"https://A.example:443\", \"https://a.example\"]\n",                                               "http.allowedOrigins[1]: https://a.example is there twice"},
    {"as many origins as may be",
     "http:\n  allowedOrigins: [http://h0, http://h1, http://h2, http://h3, http://h4, http://h5, "
     "http://h6, http://h7, http://h8, http://h9, http://h10, http://h11, http://h12, http://h13, "
     "http://h14, http://h15, http://h16, http://h17, http://h18, http://h19, http://h20, "
     "http://h21, http://h22, http://h23, http://h24, http://h25, http://h26, http://h27, "
     "http://h28, http://h29, http://h30, http://h31]\n",                                                                           NULL                                                      },
    {"one origin more",
     "http:\n  allowedOrigins: [http://h0, http://h1, http://h2, http://h3, http://h4, http://h5, "
     "http://h6, http://h7, http://h8, http://h9, http://h10, http://h11, http://h12, http://h13, "
     "http://h14, http://h15, http://h16, http://h17, http://h18, http://h19, http://h20, "
     "http://h21, http://h22, http://h23, http://h24, http://h25, http://h26, http://h27, "
     "http://h28, http://h29, http://h30, http://h31, http://h32]\n",                                                               "http.allowedOrigins: more than 32"                       },
    {"metrics for everyone",                    "metrics:\n  access: open\n",                                                       NULL                                                      },

    {"what workspaces keep",
     "workspaces:\n  keepAge: 30 d\n  keepSize: 10 GiB\n  tables:\n    - {name: DeviceInfo, "
     "keepAge: 7 d}\n    - {name: Mine, keepSize: 0}\n",                                                                            NULL                                                      },
    {"a table kept twice",                      "workspaces:\n  tables:\n    - {name: A}\n    - {name: A}\n",
     "t.yaml:4|A is there twice"                                                                                                                                                              },
    {"a table without name",                    "workspaces:\n  tables:\n    - {keepAge: 7 d}\n",
     "'name' is to be a table's"                                                                                                                                                              },
    {"an age without unit",                     "workspaces:\n  tables:\n    - {name: A, keepAge: 7}\n",
     "workspaces.tables[0].keepAge: a duration like"                                                                                                                                          },
    {"a size that is none",                     "workspaces:\n  tables:\n    - {name: A, keepSize: much}\n",
     "keepSize: a size like 64 MiB"                                                                                                                                                           },
    {"an unknown key of a kept table",          "workspaces:\n  tables:\n    - {name: A, keepSise: 0}\n",
     "did you mean 'keepSize'"                                                                                                                                                                },
    {"a tenant",                                "tenants:\n  - id: " TENANT_A "\n",                                                 NULL                                                      },
    {"a tenant in capitals",
     "tenants:\n  - id: AAAAAAAA-1111-4222-8333-444444444444\n    name: x\n",                                                       NULL                                                      },
    {"a tenant without id",                     "tenants:\n  - name: x\n",                                                          "tenants[0]: 'id' is missing"                             },
    {"a tenant that is no GUID",                "tenants:\n  - id: contoso\n",
     "t.yaml:2:9|tenants[0].id: 'contoso' is no GUID"                                                                                                                                         },
    {"a tenant twice",
     "tenants:\n  - id: " TENANT_A "\n  - id: AAAAAAAA-1111-4222-8333-444444444444\n",
     "tenants[1].id|twice"                                                                                                                                                                    },
    {"a tenant's subscriptions",
     "tenants:\n  - id: " TENANT_A
     "\n    subscriptions: [CCCCCCCC-1111-4222-8333-444444444444]\n  - id: " TENANT_B "\n",
     NULL                                                                                                                                                                                     },
    {"a subscription of two tenants",
     "tenants:\n  - id: " TENANT_A
     "\n    subscriptions: [cccccccc-1111-4222-8333-444444444444]\n  - id: " TENANT_B
     "\n    subscriptions: [cccccccc-1111-4222-8333-444444444444]\n",                                                               "tenants[1].subscriptions|twice"                          },
    {"another tenant's id as subscription",
     "tenants:\n  - id: " TENANT_A "\n    subscriptions: [" TENANT_B "]\n  - id: " TENANT_B "\n",
     "tenants[1].id|subscription of another tenant"                                                                                                                                           },
    {"a subscription that is no GUID",          "tenants:\n  - id: " TENANT_A "\n    subscriptions: [x]\n",
     "tenants[0].subscriptions|no GUID"                                                                                                                                                       },
    {"subscriptions that are a text",           "tenants:\n  - id: " TENANT_A "\n    subscriptions: x\n",
     "tenants[0].subscriptions|a list"                                                                                                                                                        },
    {"a tenant with an unknown key",            "tenants:\n  - id: " TENANT_A "\n    nmae: x\n",
     "did you mean 'name'"                                                                                                                                                                    },
    {"a tenant that is a text",                 "tenants:\n  - x\n",                                                                "tenants[0]|keys and their values"                        },

    {"a storage account's key",                 "resources:\n  - id: " STORAGE_ID "\n    settings: {key: hush}\n",
     NULL                                                                                                                                                                                     },
    {"no credential",                           "resources:\n  - id: " STORAGE_ID "\n",
     "resources[0].settings|no credential"                                                                                                                                                    },
    {"no such file of authorities",
     "resources:\n  - id: " STORAGE_ID "\n    settings: {key: k, ca_file: no/such.pem}\n",
     "resources[0].settings|ca_file: cannot read /|no/such.pem: No such file"                                                                                                                 },
    {"a folder for authorities",
     "resources:\n  - id: " STORAGE_ID "\n    settings: {key: k, ca_file: /proc}\n",
     "ca_file: /proc is a folder"                                                                                                                                                             },
    {"a number for authorities",
     "resources:\n  - id: " STORAGE_ID "\n    settings: {key: k, ca_file: 5}\n",
     "ca_file: a file's path is wanted"                                                                                                                                                       },
    {"an unknown setting",                      "resources:\n  - id: " STORAGE_ID "\n    settings: {kye: hush}\n",
     "no setting 'kye'; did you mean 'key'"                                                                                                                                                   },
    {"an unknown kind",                         "resources:\n  - id: " STORAGE_ID "\n    kind: blbo\n",
     "no kind 'blbo'; known: folder, blob, kafka, stdout"                                                                                                                                     },
    {"a folder without path",                   "resources:\n  - id: " STORAGE_ID "\n    kind: folder\n",
     "kind folder needs 'path'"                                                                                                                                                               },
    {"a folder",                                "resources:\n  - id: " STORAGE_ID "\n    kind: folder\n    settings: {path: /x}\n",
     NULL                                                                                                                                                                                     },
    {"a hub in the journal",                    "resources:\n  - id: " HUBS_ID "\n    kind: hub\n",                                 NULL                                                      },
    {"any Kafka",                               "resources:\n  - id: " HUBS_ID "\n    settings: {brokers: \"k:9092\"}\n",           NULL                                                      },
    {"a setting that is a number",              "resources:\n  - id: " HUBS_ID "\n    settings: {brokers: 5}\n",
     NULL                                                                                                                                                                                     },
    {"a setting that is a list",                "resources:\n  - id: " HUBS_ID "\n    settings: {brokers: [a]}\n",
     "single value"                                                                                                                                                                           },
    {"a hub's id",                              "resources:\n  - id: " HUBS_ID "/eventhubs/xdr\n",
     "own id is wanted, ending in namespaces/contoso-ns|resources[0].id"                                                                                                                      },
    {"not an ARM id",                           "resources:\n  - id: contoso\n",                                                    "resources[0].id"                                         },
    {"an id of something else",                 "resources:\n  - id: " IN_GROUP "Microsoft.Web/sites/x\n",
     "neither of a storage account"                                                                                                                                                           },
    {"an account's name by the rules",
     "resources:\n  - id: " IN_GROUP "Microsoft.Storage/storageAccounts/No-Good\n",
     "small letters and digits"                                                                                                                                                               },
    {"an odd name with its kind",
     "resources:\n  - id: " IN_GROUP
     "Microsoft.Storage/storageAccounts/No-Good\n    kind: folder\n    settings: {path: /x}\n",                                     NULL                                                      },
    {"a resource twice, case ignored",
     "resources:\n  - id: " HUBS_ID "\n  - id: " IN_GROUP
     "microsoft.eventhub/NAMESPACES/contoso-NS\n",                                                                                  "twice"                                                   },
    {"a secret from nowhere",
     "resources:\n  - id: " STORAGE_ID "\n    settings: {key: {file: /no/such}}\n",
     "key: there is no file /no/such"                                                                                                                                                         },
    {"a secret from no variable",
     "resources:\n  - id: " STORAGE_ID "\n    settings: {key: {env: PENSTOCK_NO_SUCH}}\n",
     "the environment has no PENSTOCK_NO_SUCH"                                                                                                                                                },
    {"a secret from a variable",
     "resources:\n  - id: " STORAGE_ID "\n    settings: {key: {env: PENSTOCK_TEST_KEY}}\n",                                         NULL                                                      },
    {"a secret from both",
     "resources:\n  - id: " STORAGE_ID "\n    settings: {key: {env: A, file: b}}\n",
     "{file: PATH} or {env: NAME}"                                                                                                                                                            },
    {"a secret from neither",                   "resources:\n  - id: " STORAGE_ID "\n    settings: {key: {}}\n",
     "{file: PATH} or {env: NAME}"                                                                                                                                                            },
    {"for a tenant not listed",
     "tenants:\n  - id: " TENANT_A "\nresources:\n  - id: " HUBS_ID "\n    tenants: [" TENANT_B
     "]\n",                                                                                                                         "not in 'tenants'"                                        },
    {"for one tenant",                          "resources:\n  - id: " HUBS_ID "\n    tenants: [" TENANT_B "]\n",                   NULL                                                      },
    {"for no tenant",                           "resources:\n  - id: " HUBS_ID "\n    tenants: []\n",                               "list of GUIDs"                                           },

    {"device groups",
     "deviceGroups:\n  - tenant: " TENANT_A "\n    groups: [{Name: x, Priority: 1}]\n",                                             NULL                                                      },
    {"device groups, wrong",                    "deviceGroups:\n  - tenant: " TENANT_A "\n    groups: [{name: x}]\n",
     "deviceGroups[0].groups: group 1 has no Name"                                                                                                                                            },
    {"device groups, missing",                  "deviceGroups:\n  - tenant: " TENANT_A "\n",                                        "a list of groups"                                        },
    {"device groups twice",
     "deviceGroups:\n  - {tenant: " TENANT_A ", groups: []}\n  - {tenant: " TENANT_A
     ", groups: []}\n",                                                                                                             "twice"                                                   },

    {"a new table",
     "catalog:\n  tables:\n    - name: MyEvents\n      columns: {Timestamp: datetime, N: long}\n   "
     "   timeColumn: Timestamp\n",                                                                                                  NULL                                                      },
    {"a column more",
     "catalog:\n  tables:\n    - name: DeviceInfo\n      columns: {MyColumn: string}\n",                                            NULL                                                      },
    {"a table with a bad name",                 "catalog:\n  tables:\n    - name: ../x\n",                                          "catalog.tables|../x"                                     },
    {"a column of no type",                     "catalog:\n  tables:\n    - name: X\n      columns: {A: varchar}\n",
     "A: 'varchar' is no type"                                                                                                                                                                },
    {"a known column of another type",
     "catalog:\n  tables:\n    - name: DeviceInfo\n      columns: {DeviceId: long}\n",                                              "DeviceId"                                                },
    {"a time column that is not there",         "catalog:\n  tables:\n    - name: X\n      timeColumn: T\n",
     "time column"                                                                                                                                                                            },
    {"an unknown machine group",                "catalog:\n  tables:\n    - name: X\n      machineGroup: some\n",
     "none, decorated or column"                                                                                                                                                              },
    {"a category too long",
     "catalog:\n  tables:\n    - name: X\n      category: "
     "Abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcd\n",                                                                  "container name"                                          },

    {"a file as source",                        "sources:\n  - name: s\n    kind: file\n    settings: {path: /x}\n",                NULL                                                      },
    {"a file of one table",
     "sources:\n  - name: s\n    kind: file\n    settings: {path: /x}\n    tenant: " TENANT_A
     "\n    table: DeviceInfo\n",                                                                                                   NULL                                                      },
    {"a table without tenant",
     "sources:\n  - name: s\n    kind: file\n    settings: {path: /x}\n    table: DeviceInfo\n",                                    "sources[0]: 'tenant' is missing"                         },
    {"a table nobody knows",
     "catalog: {unknownTables: false}\nsources:\n  - name: s\n    kind: file\n    settings: {path: "
     "/x}\n    tenant: " TENANT_A "\n    table: DeviceInfos\n",
     "no table 'DeviceInfos'; did you mean 'DeviceInfo'"                                                                                                                                      },
    {"a source without name",                   "sources:\n  - kind: file\n",                                                       "'name' is missing"                                       },
    {"a source with a bad name",                "sources:\n  - {name: a/b, kind: file}\n",                                          "letters, digits"                                         },
    {"a source twice",
     "sources:\n  - {name: a, kind: file, settings: {path: x}}\n  - {name: a, kind: file, "
     "settings: {path: x}}\n",                                                                                                      "'a' is here twice"                                       },
    {"a source of unknown kind",                "sources:\n  - {name: a, kind: syslog}\n",                                          "known: file, kafka"                                      },
    {"a source without its topic",              "sources:\n  - {name: a, kind: kafka, settings: {brokers: b}}\n",
     "needs 'topic'"                                                                                                                                                                          },
};

static bool
has_pieces(const char *text, const char *pieces)
{
    char copy[300], *rest = copy, *piece;

    snprintf(copy, sizeof copy, "%s", pieces);
    while ((piece = strsep(&rest, "|")) != NULL)
        if (strstr(text, piece) == NULL && strstr(pieces, " | ") == NULL)
            return false;
    return strstr(pieces, " | ") == NULL || strstr(text, pieces) != NULL;
}

static void
check_cases(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config *c = NULL, *again = NULL;
        struct err err = {""};
        enum status st =
            config_read_text(span_of(cases[i].text), "t.yaml", NULL, &test_kinds, &c, &err);

        if (cases[i].fault != NULL) {
            CHECK(st == ST_INVALID && has_pieces(err.text, cases[i].fault), "%s: %d '%s'",
                  cases[i].name, st, err.text);
            CHECK(strncmp(err.text, "t.yaml", 6) == 0, "%s: no file: '%s'", cases[i].name,
                  err.text);
            CHECK(strstr(err.text, "hush") == NULL, "%s: '%s'", cases[i].name, err.text);
            continue;
        }
        CHECK(st == ST_OK, "%s: %d '%s'", cases[i].name, st, err.text);
        if (st != ST_OK)
            continue;
        char *shown = config_show(c, &test_kinds);

        CHECK(shown != NULL && strstr(shown, "hush") == NULL, "%s shows a secret", cases[i].name);
        st = config_read_text(span_of(shown), "shown", NULL, &test_kinds, &again, &err);
        CHECK(st == ST_OK, "%s: what is shown cannot be read: %s\n%s", cases[i].name, err.text,
              shown);
        if (st == ST_OK) {
            char key[80] = "", *twice = config_show(again, &test_kinds);

            CHECK(strcmp(shown, twice) == 0, "%s: shown\n%s\nthen\n%s", cases[i].name, shown,
                  twice);
            CHECK(!config_needs_restart(c, again, key), "%s: %s differs", cases[i].name, key);
            free(twice);
        }
        config_free(again);
        free(shown);
        config_free(c);
    }
}

static struct config *
taken(const char *text)
{
    struct config *c = NULL;
    struct err err = {""};
    enum status st = config_read_text(span_of(text), "t.yaml", "/data", &test_kinds, &c, &err);

    CHECK(st == ST_OK, "%s", err.text);
    if (st != ST_OK)
        exit(1);
    return c;
}

static void
check_values(void)
{
    struct config *c = taken("");

    CHECK(strcmp(c->data, "/data") == 0 && strcmp(c->journal.folder, "/data/journal") == 0, "%s %s",
          c->data, c->journal.folder);
    CHECK(strcmp(c->http.address, "127.0.0.1") == 0 && c->http.port == 7780 &&
              c->http.tls == CONFIG_TLS_OFF && c->http.connections_max == 256,
          "http");
    CHECK(c->limits.body_size_max == UINT64_C(1) << 30 && c->limits.wait_ms_max == 10000 &&
              c->limits.depth_max == 128 && c->limits.parked_size_max == UINT64_C(1) << 30,
          "limits");
    CHECK(c->journal.segment_size == 64 << 20 && c->journal.sync && c->journal.zstd_level == 0 &&
              c->journal.keep_age_ms == UINT64_C(7) * 86400000 &&
              c->journal.reserve == UINT64_C(1) << 30,
          "journal");
    CHECK(c->unknown_tables && c->default_exports && c->log_level == LOG_INFO &&
              c->metrics == CONFIG_METRICS_LOOPBACK && c->tenant_count == 0,
          "the rest");
    config_free(c);

    c = taken("http: {port: 1, idle: 5 min}\nlog: {level: error}\njournal: {sync: false, zstd: 3}\n"
              "resources:\n  - id: " STORAGE_ID "\n    settings: {key: hush}\n"
              "  - id: " HUBS_ID "\n    settings: {password: {env: PENSTOCK_TEST_KEY}}\n"
              "  - id: " CONTROL_LOCAL_STORAGE "\n"
              "tenants:\n  - id: AAAAAAAA-1111-4222-8333-444444444444\n");
    CHECK(c->http.port == 1 && c->http.idle_ms == 300000 && c->log_level == LOG_ERROR &&
              !c->journal.sync && c->journal.zstd_level == 3,
          "values");
    CHECK(c->tenant_count == 1 && strcmp(c->tenants[0].id, TENANT_A) == 0 &&
              strcmp(c->tenants[0].name, TENANT_A) == 0,
          "tenant %s", c->tenants[0].id);
    CHECK(c->resource_count == 3 && c->has_inline_secrets, "%zu resources", c->resource_count);
    for (size_t i = 0; i < c->resource_count; i++) {
        const struct config_resource *r = &c->resources[i];
        const char *endpoint = resource_value(r->settings, r->setting_count, "endpoint");
        const char *brokers = resource_value(r->settings, r->setting_count, "brokers");
        const char *password = resource_value(r->settings, r->setting_count, "password");
        const char *path = resource_value(r->settings, r->setting_count, "path");

        if (strcmp(r->kind, "blob") == 0)
            CHECK(strcmp(endpoint, "https://contosoarchive.blob.core.windows.net") == 0, "%s",
                  endpoint);
        else if (strcmp(r->kind, "kafka") == 0)
            CHECK(strcmp(brokers, "contoso-ns.servicebus.windows.net:9093") == 0 &&
                      strcmp(password, "from the environment") == 0,
                  "%s %s", brokers, password);
        else
            CHECK(strcmp(r->kind, "folder") == 0 && strcmp(path, "/data/storage/local") == 0,
                  "%s %s", r->kind, path);
    }
    config_free(c);

    c = taken("http: {allowedOrigins: [HTTPS://A.Example:443, \"http://a.example:443\", "
              "\"http://b:0080\", \"http://[0:0::1]:3000\"]}\n");
    static const char *const origins[] = {"https://a.example", "http://a.example:443", "http://b",
                                          "http://[::1]:3000"};
    CHECK(c->http.allowed_origin_count == COUNT_OF(origins), "%zu", c->http.allowed_origin_count);
    for (size_t i = 0; i < COUNT_OF(origins) && i < c->http.allowed_origin_count; i++)
        CHECK(strcmp(c->http.allowed_origins[i], origins[i]) == 0, "%s",
              c->http.allowed_origins[i]);
    config_free(c);

    c = taken("catalog:\n  tables:\n    - name: MyEvents\n      columns: {N: long}\n"
              "    - name: DeviceInfo\n      columns: {MyColumn: string}\n");
    struct catalog catalog;
    char *memory = NULL;
    struct err err = {""};

    CHECK(config_catalog(c, &catalog_builtin, &catalog, &memory, &err) == ST_OK, "%s", err.text);
    const struct catalog_table *t = catalog_find(&catalog, span_of("MyEvents"));

    CHECK(t != NULL && strcmp(t->category, "AdvancedHunting-MyEvents") == 0 && t->is_streamable,
          "the new table");
    t = catalog_find(&catalog, span_of("DeviceInfo"));
    CHECK(t != NULL && strcmp(t->columns[t->column_count - 1].name, "MyColumn") == 0,
          "the new column");
    free(memory);
    config_free(c);
}

static void
check_restart(void)
{
    static const char source[] = "sources: [{name: a, kind: file, settings: {path: /x}}]",
                      table[] = "catalog: {tables: [{name: T, columns: {N: long}}]}";
    static const struct {
        const char *name, *before, *after, *key; /* NULL: none */
    } rows[] = {
        {"the log's level",    "",     "log: {level: warn}",                                     NULL            },
        {"the port",           "",     "http: {port: 9}",                                        "http.port"     },
        {"an origin more",     "",     "http: {allowedOrigins: [http://a]}",                     NULL            },
        {"the same source",    source, source,                                                   NULL            },
        {"a source more",      "",     source,                                                   "sources"       },
        {"a source's setting", source, "sources: [{name: a, kind: file, settings: {path: /y}}]",
         "sources"                                                                                               },
        {"the same table",     table,  table,                                                    NULL            },
        {"a table more",       "",     table,                                                    "catalog.tables"},
        {"a column's type",    table,  "catalog: {tables: [{name: T, columns: {N: real}}]}",
         "catalog.tables"                                                                                        },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct config *a = taken(rows[i].before), *b = taken(rows[i].after);
        char key[80] = "";
        bool needs = config_needs_restart(a, b, key);

        CHECK(needs == (rows[i].key != NULL), "%s: %s", rows[i].name, key);
        CHECK(!needs || rows[i].key == NULL || strcmp(key, rows[i].key) == 0, "%s: %s",
              rows[i].name, key);
        CHECK((a->file_hash != b->file_hash) == (strcmp(rows[i].before, rows[i].after) != 0),
              "%s: hashes", rows[i].name);
        config_free(a);
        config_free(b);
    }
}

static const char *
path(const char *name)
{
    static char text[3][200];
    static int turn;

    turn = (turn + 1) % 3;
    snprintf(text[turn], sizeof text[turn], "%s/%s", folder, name);
    return text[turn];
}

static void
check_files(void)
{
    struct config *c = NULL;
    struct err err = {""};

    CHECK(file_replace(path("key"), span_of("from a file\n"), 0600, &err) == ST_OK &&
              file_replace(path("c.pem"), span_of("-"), 0600, &err) == ST_OK &&
              file_replace(path("p.yaml"),
                           span_of("data: sub/folder\nhttp: {certificate: c.pem, key: k.pem}\n"
                                   "resources:\n  - id: " STORAGE_ID
                                   "\n    settings: {key: {file: key}, ca_file: c.pem}\n"),
                           0600, &err) == ST_OK,
          "%s", err.text);
    CHECK(config_read(path("p.yaml"), NULL, &test_kinds, &c, &err) == ST_INVALID &&
              strstr(err.text, "http.key") != NULL && strstr(err.text, path("k.pem")) != NULL,
          "a key that is not there: %s", err.text);
    CHECK(file_replace(path("k.pem"), span_of("-"), 0600, &err) == ST_OK, "%s", err.text);
    CHECK(config_read(path("p.yaml"), NULL, &test_kinds, &c, &err) == ST_OK, "%s", err.text);
    CHECK(strcmp(c->data, path("sub/folder")) == 0, "%s", c->data);
    CHECK(strcmp(c->http.certificate, path("c.pem")) == 0 &&
              strcmp(c->http.key, path("k.pem")) == 0 && c->http.tls == CONFIG_TLS_FILES,
          "%s %s", c->http.certificate, c->http.key);
    const char *ca_file =
        resource_value(c->resources[0].settings, c->resources[0].setting_count, "ca_file");

    CHECK(ca_file != NULL && strcmp(ca_file, path("c.pem")) == 0, "%s",
          ca_file != NULL ? ca_file : "no ca_file");
    CHECK(strcmp(resource_value(c->resources[0].settings, c->resources[0].setting_count, "key"),
                 "from a file") == 0 &&
              !c->has_inline_secrets,
          "the secret");
    config_free(c);
    CHECK(config_read(path("p.yaml"), "/other", &test_kinds, &c, &err) == ST_OK &&
              strcmp(c->data, "/other") == 0 && strcmp(c->journal.folder, "/other/journal") == 0,
          "%s", err.text);
    config_free(c);
    CHECK(config_read(path("none.yaml"), NULL, &test_kinds, &c, &err) == ST_INVALID &&
              strstr(err.text, "no configuration file"),
          "%s", err.text);
    CHECK(config_read(NULL, NULL, NULL, &c, &err) == ST_OK && c->data[0] == '/', "%s", err.text);
    config_free(c);
    config_free(NULL);
    unlink(path("key"));
    unlink(path("c.pem"));
    unlink(path("k.pem"));
    unlink(path("p.yaml"));
}

static bool
see_key(void *app, const struct config_key *key)
{
    CHECK(key->key[0] != '\0' && key->help[0] != '\0' && key->type[0] != '\0', "%s", key->key);
    return ++*(int *)app < 1000;
}

/* A key in a section: the section is read, so a wrong name in it is found. */
static bool
see_section(void *app, const struct config_key *key)
{
    size_t n = strcspn(key->key, ".[");
    struct config *c = NULL;
    struct err err = {""};
    char text[120];

    (void)app;
    if (key->key[n] != '.')
        return true;
    snprintf(text, sizeof text, "%.*s: {noSuchKey: 1}\n", (int)n, key->key);
    CHECK(config_read_text(span_of(text), "t.yaml", "/data", &test_kinds, &c, &err) == ST_INVALID &&
              strstr(err.text, "noSuchKey") != NULL,
          "%s is passed over: %s", key->key, err.text);
    config_free(c);
    return true;
}

static void
check_describe(void)
{
    int count = 0;

    config_describe(see_section, NULL);
    config_describe(see_key, &count);
    CHECK(count > 40, "%d keys", count);
    count = 999;
    config_describe(see_key, &count);
    CHECK(count == 1000, "it did not stop: %d", count);
}

int
main(void)
{
    CHECK(mkdtemp(folder) != NULL, "no folder");
    setenv("PENSTOCK_TEST_KEY", "from the environment", 1);
    check_cases();
    check_values();
    check_restart();
    check_files();
    check_describe();
    rmdir(folder);
    return test_end();
}
