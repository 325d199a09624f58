# What "cmake --install" lays down beside the programs, and the tests of it.
include(GNUInstallDirs)

foreach(page penstock penstock-sensor)
    install(FILES doc/${page}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endforeach()
install(CODE "
    set(SOURCE \"${CMAKE_SOURCE_DIR}\")
    set(BUILD \"${CMAKE_BINARY_DIR}\")
    set(BINDIR \"${CMAKE_INSTALL_BINDIR}\")
    set(EXAMPLES \"${CMAKE_INSTALL_DATADIR}/doc/penstock/examples\")")
install(SCRIPT cmake/lay.cmake)
install(FILES LICENSE README.md ARCHITECTURE.md doc/manual.md
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/penstock)

if(BUILD_TESTING)
    foreach(pair penstock_program:penstock penstock-sensor:penstock-sensor)
        string(REPLACE ":" ";" pair ${pair})
        list(GET pair 0 program)
        list(GET pair 1 page)
        if(TARGET ${program})
            add_test(NAME manual/${page}
                     COMMAND ${Python3_EXECUTABLE} script/manual --check $<TARGET_FILE:${program}>
                             doc/${page}.1
                     WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        endif()
    endforeach()
    if(TARGET penstock-sensor)
        add_test(NAME sensor/live
                 COMMAND ${Python3_EXECUTABLE} script/sensor-live $<TARGET_FILE:penstock-sensor>
                 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    endif()
    if(TARGET penstock_program)
        add_test(NAME doc/manual
                 COMMAND ${Python3_EXECUTABLE} script/manual --check
                         $<TARGET_FILE:penstock_program> doc/manual.md
                 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        # As they are, and with what stands in comments ("#word") in force.
        foreach(example penstock.yaml penstock.example.yaml)
            add_test(NAME doc/${example}
                     COMMAND $<TARGET_FILE:penstock_program> config check dist/${example}
                     WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        endforeach()
        add_test(NAME doc/penstock.example.yaml-whole
                 COMMAND sh -c "sed -e 's/^\\( *\\)#\\([^ ]\\)/\\1\\2/' -e 's,/etc/penstock/[a-z]*.pem,/dev/null,' dist/penstock.example.yaml >${CMAKE_BINARY_DIR}/example.yaml && \"$0\" config check ${CMAKE_BINARY_DIR}/example.yaml"
                         $<TARGET_FILE:penstock_program>
                 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        set_tests_properties(doc/penstock.example.yaml-whole PROPERTIES ENVIRONMENT
            "PENSTOCK_ARCHIVE_KEY=c2FtcGxl;PENSTOCK_ELASTIC_KEY=c2FtcGxl;PENSTOCK_SLACK_URL=https://hooks.slack.com/services/T/B/x;PENSTOCK_HUB_CONNECTION=Endpoint=sb://contoso-siem.servicebus.windows.net/\\;SharedAccessKeyName=send\\;SharedAccessKey=c2FtcGxl")
    endif()
endif()
