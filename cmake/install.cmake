# What "cmake --install" lays down beside the programs, and the tests of it.
include(GNUInstallDirs)

foreach(page penstock penstock-sensor)
    install(FILES doc/${page}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endforeach()
foreach(unit penstock penstock-sensor) # they name the program's full path
    configure_file(dist/${unit}.service ${CMAKE_BINARY_DIR}/dist/${unit}.service @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/dist/${unit}.service DESTINATION lib/systemd/system)
endforeach()
install(FILES dist/penstock.sysusers DESTINATION lib/sysusers.d RENAME penstock.conf)
install(FILES dist/penstock.tmpfiles DESTINATION lib/tmpfiles.d RENAME penstock.conf)
install(FILES dist/penstock.yaml dist/sensor.env
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/penstock/examples)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/penstock)

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
endif()

# A configuration that is there is somebody's and stays.
install(CODE "
    set(file \"\$ENV{DESTDIR}${CMAKE_INSTALL_FULL_SYSCONFDIR}/penstock/penstock.yaml\")
    if(NOT EXISTS \"\${file}\")
        file(INSTALL DESTINATION \"${CMAKE_INSTALL_FULL_SYSCONFDIR}/penstock\" TYPE FILE
             FILES \"${CMAKE_SOURCE_DIR}/dist/penstock.yaml\")
    endif()")
