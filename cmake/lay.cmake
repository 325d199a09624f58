# Run by "cmake --install": lays down the files of dist/ that name other files, with the paths of this very installation, whose
# prefix may be another than the build's. In dist/ they stand as for /usr/local. Given: SOURCE, BUILD, BINDIR, EXAMPLES.
# Settings stand in /etc for a prefix that belongs to the system, else under the prefix.
if(CMAKE_INSTALL_PREFIX MATCHES "^(/usr|/usr/local)?/?$")
    set(etc /etc/penstock)
else()
    set(etc "${CMAKE_INSTALL_PREFIX}/etc/penstock")
endif()

function(lay name folder installed)
    file(READ "${SOURCE}/dist/${name}" text)
    string(REPLACE "/usr/local/bin/" "${CMAKE_INSTALL_PREFIX}/${BINDIR}/" text "${text}")
    string(REPLACE "/etc/penstock" "${etc}" text "${text}")
    file(WRITE "${BUILD}/dist/${installed}" "${text}")
    file(INSTALL DESTINATION "${folder}" TYPE FILE FILES "${BUILD}/dist/${installed}")
endfunction()

lay(penstock.service "${CMAKE_INSTALL_PREFIX}/lib/systemd/system" penstock.service)
lay(penstock-sensor.service "${CMAKE_INSTALL_PREFIX}/lib/systemd/system" penstock-sensor.service)
lay(penstock.sysusers "${CMAKE_INSTALL_PREFIX}/lib/sysusers.d" penstock.conf)
lay(penstock.tmpfiles "${CMAKE_INSTALL_PREFIX}/lib/tmpfiles.d" penstock.conf)
foreach(name penstock.yaml penstock.example.yaml sensor.env)
    lay(${name} "${CMAKE_INSTALL_PREFIX}/${EXAMPLES}" ${name})
endforeach()
# Settings that are there are somebody's and stay.
if(NOT EXISTS "$ENV{DESTDIR}${etc}/penstock.yaml")
    lay(penstock.yaml "${etc}" penstock.yaml)
endif()
