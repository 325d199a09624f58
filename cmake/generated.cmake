# Files made at build time. A generated file of folder F is appended to GENERATED_F.

# The schema catalog: data/schema, checked and turned into constant tables.
file(GLOB schema_data CONFIGURE_DEPENDS data/schema/*.json data/schema/tables/*.json)
set(catalog_data ${CMAKE_BINARY_DIR}/generated/catalog_data.c)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
add_custom_command(
    OUTPUT ${catalog_data}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/script/generate-catalog
            ${CMAKE_SOURCE_DIR}/data/schema ${catalog_data}
    DEPENDS ${schema_data} script/generate-catalog
    COMMENT "schema catalog"
    VERBATIM)
list(APPEND GENERATED_model ${catalog_data})
if(BUILD_TESTING)
    add_test(NAME law/schema
             COMMAND ${Python3_EXECUTABLE} script/generate-catalog --self-test data/schema
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endif()

# The time zones: data/zones.txt as constant tables.
set(zone_data ${CMAKE_BINARY_DIR}/generated/zone_data.c)
add_custom_command(
    OUTPUT ${zone_data}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/script/generate-zones
            ${CMAKE_SOURCE_DIR}/data/zones.txt ${zone_data}
    DEPENDS data/zones.txt script/generate-zones
    COMMENT "time zones"
    VERBATIM)
list(APPEND GENERATED_kql ${zone_data})
if(BUILD_TESTING)
    add_test(NAME law/zones
             COMMAND ${Python3_EXECUTABLE} script/generate-zones --self-test data/zones.txt
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endif()

# What user agents' names tell: data/user-agents.txt as a constant table.
set(user_agent_data ${CMAKE_BINARY_DIR}/generated/user_agent_data.c)
add_custom_command(
    OUTPUT ${user_agent_data}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/script/generate-user-agents
            ${CMAKE_SOURCE_DIR}/data/user-agents.txt ${user_agent_data}
    DEPENDS data/user-agents.txt script/generate-user-agents
    COMMENT "user agents"
    VERBATIM)
list(APPEND GENERATED_kql ${user_agent_data})
if(BUILD_TESTING)
    add_test(NAME law/user-agents
             COMMAND ${Python3_EXECUTABLE} script/generate-user-agents --self-test
                     data/user-agents.txt
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endif()

# Defender's own functions: data/functions as texts.
file(GLOB function_files CONFIGURE_DEPENDS data/functions/*.kql)
set(function_data ${CMAKE_BINARY_DIR}/generated/function_data.c)
add_custom_command(
    OUTPUT ${function_data}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/script/generate-functions
            ${CMAKE_SOURCE_DIR}/data/functions ${function_data}
    DEPENDS ${function_files} script/generate-functions
    COMMENT "functions"
    VERBATIM)
list(APPEND GENERATED_kql ${function_data})
if(BUILD_TESTING)
    add_test(NAME law/functions
             COMMAND ${Python3_EXECUTABLE} script/generate-functions --self-test data/functions
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endif()

# The templates of messages: data/templates as texts.
file(GLOB template_files CONFIGURE_DEPENDS data/templates/*.json)
set(template_data ${CMAKE_BINARY_DIR}/generated/template_data.c)
add_custom_command(
    OUTPUT ${template_data}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/script/generate-templates
            ${CMAKE_SOURCE_DIR}/data/templates ${template_data}
    DEPENDS ${template_files} script/generate-templates
    COMMENT "templates"
    VERBATIM)
list(APPEND GENERATED_sink ${template_data})
if(BUILD_TESTING)
    add_test(NAME law/templates
             COMMAND ${Python3_EXECUTABLE} script/generate-templates --self-test data/templates
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endif()
